// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOPosix

extension HashedFile {
    private static let pieceBytes = 128 * 1024

    /// Its bytes as a request's body, read piece by piece: not by the threads that wait for requests, which would wait for
    /// themselves.
    var streamed: HTTPClient.Body {
        .stream(contentLength: size) { writer in self.write(to: writer, from: 0) }
    }

    private func write(to writer: HTTPClient.Body.StreamWriter, from offset: Int64) -> EventLoopFuture<Void> {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        guard offset < size else { return loop.makeSucceededVoidFuture() }
        return NIOThreadPool.singleton.runIfActive(eventLoop: loop) { () throws -> ByteBuffer in
            var piece = ByteBuffer()
            let length = Int(min(Int64(Self.pieceBytes), self.size - offset))
            try piece.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
                try self.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(length)), at: offset)
            }
            guard piece.readableBytes == length else { throw BlobError(.failed, "a staged blob was cut off") }
            return piece
        }.flatMap { piece in
            writer.write(.byteBuffer(piece)).flatMap {
                self.write(to: writer, from: offset + Int64(piece.readableBytes))
            }
        }
    }
}
