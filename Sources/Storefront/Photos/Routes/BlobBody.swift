// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// A blob as the body of an answer, read piece by piece as the client takes it.
enum BlobBody {
    private static let chunkLength = 64 * 1024

    /// A blob that turns out shorter than it was breaks the connection: the client must not take it for whole.
    static func body(of blob: any BlobReader) -> ResponseBody {
        ResponseBody(contentLength: Int(blob.size)) { writer in
            var offset: Int64 = 0
            while offset < blob.size {
                let start = offset
                let chunk = try await FileThreads.run {
                    let length = Int(min(Int64(chunkLength), blob.size - start))
                    var buffer = ByteBuffer()
                    try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
                        try blob.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(length)), at: start)
                    }
                    return buffer
                }
                guard chunk.readableBytes > 0 else { throw BlobError(.failed, "a blob ends before its size") }
                offset += Int64(chunk.readableBytes)
                try await writer.write(chunk)
            }
            try await writer.finish(nil)
        }
    }
}
