// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing

@testable import Storefront

@Suite("LocalBlobStore") struct LocalBlobStoreTests {
    private let folder: TemporaryFolder
    private let store: LocalBlobStore

    init() throws {
        folder = try TemporaryFolder()
        store = LocalBlobStore(root: folder.path + "/a/b", name: "shop")
    }

    @discardableResult
    private func put(_ bytes: [UInt8]) throws -> BlobDigest {
        let blob = try store.stage()
        try bytes.withUnsafeBytes { try blob.append($0) }
        let digest = try blob.seal()
        try blob.publish()
        return digest
    }

    private func get(_ digest: BlobDigest) throws -> [UInt8] {
        let blob = try store.open(digest)
        var bytes = [UInt8](repeating: 0, count: Int(blob.size))
        let count = try bytes.withUnsafeMutableBytes { try blob.read(into: $0, at: 0) }
        #expect(count == bytes.count)
        return bytes
    }

    @Test func `bytes come back as they were, under their SHA-256`() throws {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

        let digest = try put(bytes)

        #expect(digest.bytes == Array(SHA256.hash(data: bytes)))
        #expect(try get(digest) == bytes)
        #expect(BlobDigest(digest.description) == digest)
    }

    @Test func `nothing is visible before it is published, and nothing staged is left`() throws {
        do {
            let blob = try store.stage()
            try Array("half".utf8).withUnsafeBytes { try blob.append($0) }
            let digest = try blob.seal()
            #expect(throws: BlobError.self) { try store.open(digest) }
            #expect(folder.files.count == 1)
            #expect(folder.files[0].hasPrefix("a/b/shop/incoming/"))
        }

        #expect(folder.files.isEmpty)
    }

    @Test func `equal bytes are kept once, and a damaged blob is mended`() throws {
        let digest = try put([1, 2, 3])
        try put([1, 2, 3])
        let path = try #require(folder.files.first)
        #expect(folder.files.count == 1)

        try Data([1]).write(to: URL(fileURLWithPath: "\(folder.path)/\(path)"))
        try put([1, 2, 3])

        #expect(try get(digest) == [1, 2, 3])
    }

    @Test func `a blob can be published again after it was deleted`() throws {
        let blob = try store.stage()
        try [7, 8].withUnsafeBytes { try blob.append(UnsafeRawBufferPointer(rebasing: $0.prefix(2))) }
        let digest = try blob.seal()
        try blob.publish()
        try store.delete(digest)

        try blob.publish()

        #expect(try store.open(digest).size == 2)
    }

    @Test func `files and folders are for this user alone`() throws {
        try put([1])

        let file = try #require(folder.files.first)
        #expect(try folder.permissions(file) == 0o600)
        var part = file[...]
        while let slash = part.lastIndex(of: "/") {
            part = part[..<slash]
            #expect(try folder.permissions(String(part)) == 0o700)
        }
    }

    @Test func `a symbolic link is not followed`() throws {
        let digest = try put([1, 2])
        let path = "\(folder.path)/\(try #require(folder.files.first))"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/hostname")

        let error = #expect(throws: BlobError.self) { try store.open(digest) }

        #expect(error?.code == .failed)
    }

    @Test func `a deleted blob is gone, but whoever has it open reads on`() throws {
        let digest = try put([5, 6])
        let open = try store.open(digest)

        try store.delete(digest)
        try store.delete(digest)

        #expect(throws: BlobError.self) { try store.open(digest) }
        var byte: [UInt8] = [0]
        #expect(try byte.withUnsafeMutableBytes { try open.read(into: $0, at: 1) } == 1)
        #expect(byte == [6])
        #expect(try store.age(of: digest) == nil)
    }

    @Test func `old blobs are listed, and old uploads removed`() throws {
        let old = try put([1])
        try folder.age(by: 7200)
        let fresh = try put([2])
        let staged = try store.stage()

        #expect(try store.blobs(beginningWith: old.bytes[0], olderThan: .seconds(3600)) == [old])
        #expect(try store.blobs(beginningWith: fresh.bytes[0], olderThan: .seconds(3600)).contains(fresh) == false)
        #expect(try store.removeStaged(olderThan: .seconds(3600)) == 0)
        try folder.age(by: 7200) { $0.contains("incoming") }
        #expect(try store.removeStaged(olderThan: .seconds(3600)) == 1)
        withExtendedLifetime(staged) {}
    }

    @Test func `a store that was never written to is empty`() throws {
        let digest = try #require(BlobDigest(String(repeating: "ab", count: 32)))

        #expect(try store.age(of: digest) == nil)
        #expect(try store.blobs(beginningWith: 0, olderThan: .zero) == [])
        #expect(try store.removeStaged(olderThan: .zero) == 0)
        try store.delete(digest)
        let error = #expect(throws: BlobError.self) { try store.open(digest) }
        #expect(error?.code == .missing)
    }

    @Test(arguments: [
        "", "../etc", "x/y", "00000000-0000-7000-8000-000000000000/../../etc/passwd",
        "not-a-uuid/" + String(repeating: "a", count: 64),
        "00000000-0000-7000-8000-000000000000/" + String(repeating: "A", count: 64),
    ])
    func `only a store's and a blob's name make a reference`(text: String) {
        #expect(BlobReference(text) == nil)
    }
}
