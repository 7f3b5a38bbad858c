// SPDX-License-Identifier: Apache-2.0

import Crypto
import Millrace
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is being written under a random name.
final class LocalStagedBlob: StagedBlob {
    private struct State {
        var hash = SHA256()
        var size: Int64 = 0
        var digest: BlobDigest?
    }

    private let store: OpenFolder
    private let incoming: OpenFolder
    private let name: String
    private let descriptor: Int32
    private let state = Mutex(State())

    init(in incoming: OpenFolder, of store: OpenFolder) throws(BlobError) {
        self.store = store
        self.incoming = incoming
        var generator = SystemRandomNumberGenerator()
        name = Hexadecimal.digits(of: generator.next().bigEndianBytes + generator.next().bigEndianBytes)
        descriptor = try incoming.createFile(name)
    }

    deinit {
        close(descriptor)
        // A published blob has a name of its own by now. What cannot be removed here is swept.
        try? incoming.removeFile(name)
    }

    var size: Int64 { state.withLock(\.size) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(BlobError) {
        try state.withLock { (state) throws(BlobError) in
            precondition(state.digest == nil, "a sealed blob takes no more bytes")
            try FileBytes.write(bytes, to: descriptor)
            state.hash.update(bufferPointer: bytes)
            state.size += Int64(bytes.count)
        }
    }

    func seal() throws(BlobError) -> BlobDigest {
        try state.withLock { (state) throws(BlobError) in
            if let digest = state.digest { return digest }
            guard fsync(descriptor) == 0 else { throw BlobError(errno: errno, "sync a staged blob") }
            guard let digest = BlobDigest(bytes: Array(state.hash.finalize())) else {
                preconditionFailure("SHA-256 has 32 bytes")
            }
            state.digest = digest
            return digest
        }
    }

    /// By a second name for the file, so that a transaction that is run again can publish again what was deleted in
    /// between.
    func publish() throws(BlobError) {
        guard let digest = state.withLock(\.digest) else { preconditionFailure("only a sealed blob can be published") }
        let target = digest.description
        let shard = try store.makeFolder(LocalBlobStore.objects).makeFolder(String(target.prefix(2)))
        if try !incoming.link(name, to: shard, as: target), try shard.openFile(target).size != size {
            // Damaged by something else than this program.
            try shard.removeFile(target)
            _ = try incoming.link(name, to: shard, as: target)
        }
        try shard.sync()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        try FileBytes.read(descriptor, into: buffer, at: offset)
    }
}
