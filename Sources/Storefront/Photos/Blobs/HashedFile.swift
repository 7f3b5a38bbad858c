// SPDX-License-Identifier: Apache-2.0

import Crypto
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is written once, from its beginning to its end, and named by what is in it.
final class HashedFile: BlobReader {
    private struct State {
        var hash = SHA256()
        var size: Int64 = 0
        var digest: BlobDigest?
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    /// - Parameter descriptor: of an empty file; closed with this object.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    var size: Int64 { state.withLock(\.size) }

    /// nil until it is finished.
    var digest: BlobDigest? { state.withLock(\.digest) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(BlobError) {
        try state.withLock { (state) throws(BlobError) in
            precondition(state.digest == nil, "a sealed blob takes no more bytes")
            try FileBytes.write(bytes, to: descriptor)
            state.hash.update(bufferPointer: bytes)
            state.size += Int64(bytes.count)
        }
    }

    /// Makes the bytes durable.
    func sync() throws(BlobError) {
        guard fsync(descriptor) == 0 else { throw BlobError(errno: errno, "sync a staged blob") }
    }

    /// Nothing is appended after that.
    func finish() -> BlobDigest {
        state.withLock { state in
            let digest = state.digest ?? BlobDigest(of: state.hash)
            state.digest = digest
            return digest
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        try FileBytes.read(descriptor, into: buffer, at: offset)
    }
}

/// Files without a name.
enum TemporaryFile {
    static func open(in folder: String) throws(BlobError) -> Int32 {
        var path = Array("\(folder)/millrace-blob-XXXXXX".utf8CString)
        let descriptor = path.withUnsafeMutableBufferPointer { $0.baseAddress.map(mkstemp) ?? -1 }
        guard descriptor >= 0 else { throw BlobError(errno: errno, "create a file in \(folder)") }
        unlink(path)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }
}
