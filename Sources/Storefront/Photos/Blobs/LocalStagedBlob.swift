// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A file that is being written under a random name.
final class LocalStagedBlob: StagedBlob {
    private let store: OpenFolder
    private let incoming: OpenFolder
    private let name: String
    private let file: HashedFile

    init(in incoming: OpenFolder, of store: OpenFolder) throws(BlobError) {
        self.store = store
        self.incoming = incoming
        var generator = SystemRandomNumberGenerator()
        name = Hexadecimal.digits(of: generator.next().bigEndianBytes + generator.next().bigEndianBytes)
        file = HashedFile(try incoming.createFile(name))
    }

    deinit {
        // A published blob has a name of its own by now. What cannot be removed here is swept.
        try? incoming.removeFile(name)
    }

    var size: Int64 { file.size }

    func append(_ bytes: UnsafeRawBufferPointer) throws(BlobError) { try file.append(bytes) }

    func seal() throws(BlobError) -> BlobDigest {
        if let digest = file.digest { return digest }
        try file.sync()
        return file.finish()
    }

    /// By a second name for the file, so that a transaction that is run again can publish again what was deleted in
    /// between.
    func publish() throws(BlobError) {
        guard let digest = file.digest else { preconditionFailure("only a sealed blob can be published") }
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
        try file.read(into: buffer, at: offset)
    }
}
