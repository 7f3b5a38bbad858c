// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import Synchronization

/// Reads an object, some megabytes at a time.
final class S3BlobReader: BlobReader {
    /// What is fetched at a time, and kept.
    private static let windowBytes = 4 << 20

    private struct Window {
        var start: Int64 = 0
        var bytes = ByteBuffer()
    }

    let size: Int64
    private let client: S3Client
    private let key: String
    private let window = Mutex(Window())

    init(_ client: S3Client, key: String, size: Int64) {
        self.client = client
        self.key = key
        self.size = size
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        var done = 0
        while done < buffer.count, offset + Int64(done) < size {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            done += Self.copy(try window(at: offset + Int64(done)), to: rest, from: offset + Int64(done))
        }
        return done
    }

    private func window(at offset: Int64) throws(BlobError) -> Window {
        let known = window.withLock(\.self)
        if offset >= known.start, offset < known.start + Int64(known.bytes.readableBytes) { return known }
        let end = min(size, offset + Int64(Self.windowBytes))
        let fetched = Window(start: offset, bytes: try fetch(offset..<end))
        window.withLock { $0 = fetched }
        return fetched
    }

    private func fetch(_ range: Range<Int64>) throws(BlobError) -> ByteBuffer {
        let reply = try client.send(
            .GET, key, headers: [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")],
            bytesMax: Self.windowBytes)
        let said = reply.headers.first(name: "content-range")
        guard reply.status == 206, reply.body.readableBytes == range.count,
            said == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
        else {
            throw BlobError(
                .failed,
                "GET of \(key): asked for bytes \(range) of \(size), got \(reply.body.readableBytes), \(said ?? "unnamed")"
            )
        }
        return reply.body
    }

    private static func copy(_ window: Window, to buffer: UnsafeMutableRawBufferPointer, from offset: Int64) -> Int {
        let skipped = Int(offset - window.start)
        return window.bytes.withUnsafeReadableBytes { bytes in
            let count = min(buffer.count, bytes.count - skipped)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[skipped..<(skipped + count)]))
            return count
        }
    }
}
