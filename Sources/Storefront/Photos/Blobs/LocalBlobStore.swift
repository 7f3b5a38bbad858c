// SPDX-License-Identifier: Apache-2.0

import Millrace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Blobs as files below a folder on this machine's disk, shared by all processes that are given the same folder.
///
///     root/NAME/incoming/…           staged, under random names
///     root/NAME/objects/ab/abcdef…   published, under the hexadecimal digits of their SHA-256
///
/// Folders and files are for this user alone, and no symbolic link below the root is followed. A file is made durable
/// before it gets its name, and the folder that it gets it in right after.
public struct LocalBlobStore: BlobStore {
    private let root: String
    private let name: String

    /// - Parameters:
    ///   - root: a folder's path; it is made when something is stored, if it is missing.
    ///   - name: the store's own folder within it.
    init(root: String, name: String) {
        self.root = root
        self.name = name
    }

    /// Makes the root if it is missing, and a file in it, which is removed at once.
    static func check(root: String) throws(BlobError) {
        let folder = try OpenFolder.make(path: root)
        var generator = SystemRandomNumberGenerator()
        let name = "check-\(Hexadecimal.digits(of: generator.next().bigEndianBytes))"
        close(try folder.createFile(name))
        try folder.removeFile(name)
    }

    public func stage() throws(BlobError) -> any StagedBlob {
        let store = try OpenFolder.make(path: root).makeFolder(name)
        let incoming = try store.makeFolder(Self.incoming)
        return try LocalStagedBlob(in: incoming, of: store)
    }

    public func open(_ digest: BlobDigest) throws(BlobError) -> any BlobReader {
        let name = digest.description
        return try objects().folder(String(name.prefix(2))).openFile(name)
    }

    public func size(of digest: BlobDigest) throws(BlobError) -> Int64? {
        do throws(BlobError) {
            return try open(digest).size
        } catch {
            if error.code == .missing { return nil }
            throw error
        }
    }

    public var deletesLate: Bool { false }

    public func delete(_ digest: BlobDigest) throws(BlobError) {
        let name = digest.description
        guard let shard = try shard(name) else { return }
        try shard.removeFile(name)
    }

    public func age(of digest: BlobDigest) throws(BlobError) -> Duration? {
        let name = digest.description
        return try shard(name)?.age(ofFile: name)
    }

    public func blobs(beginningWith byte: UInt8, olderThan age: Duration) throws(BlobError) -> [BlobDigest] {
        let prefix = Hexadecimal.digits(of: [byte])
        guard let shard = try shard(prefix) else { return [] }
        var found: [BlobDigest] = []
        for name in try shard.names() {
            guard name.hasPrefix(prefix), let digest = BlobDigest(name), let written = try shard.age(ofFile: name),
                written > age
            else { continue }
            found.append(digest)
        }
        return found
    }

    public func link(to digest: BlobDigest, contentType: String) -> BlobLink? { nil }

    public func removeStaged(olderThan age: Duration) throws(BlobError) -> Int {
        let incoming: OpenFolder
        do throws(BlobError) {
            incoming = try OpenFolder.open(path: root).folder(name).folder(Self.incoming)
        } catch {
            if error.code == .missing { return 0 }
            throw error
        }
        var count = 0
        for name in try incoming.names() {
            guard let written = try incoming.age(ofFile: name), written > age else { continue }
            try incoming.removeFile(name)
            count += 1
        }
        return count
    }

    private static let incoming = "incoming"
    static let objects = "objects"

    private func objects() throws(BlobError) -> OpenFolder {
        try OpenFolder.open(path: root).folder(name).folder(Self.objects)
    }

    /// nil when nothing was ever published in it.
    private func shard(_ name: String) throws(BlobError) -> OpenFolder? {
        do throws(BlobError) {
            return try objects().folder(String(name.prefix(2)))
        } catch {
            if error.code == .missing { return nil }
            throw error
        }
    }
}
