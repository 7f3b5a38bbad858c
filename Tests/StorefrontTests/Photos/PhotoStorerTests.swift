// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import MillraceTesting
import PostgresDriver
import Synchronization
import Testing

@testable import Storefront

@Suite("PhotoStorer", .needsPostgres) struct PhotoStorerTests {
    @Test func `its rows are committed together with its outcome`() async throws {
        try await PhotoFixture.with { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.noise(2100, 20).encoded(".jpg"))

            let output = try await fixture.run(job).get()

            #expect(try JSONDecoder().decode(StorePhoto.Output.self, from: Data(output)).isStored)
            let record = try #require(try await fixture.ledger.jobs([job])[job])
            #expect(record.state == .completed)
            #expect(record.result == output)
            let rows = try await fixture.database.run(
                "SELECT box, width, height, bytes FROM storefront.photo_variants ORDER BY box"
            ).rows
            #expect(try rows.map { try $0.integer(0) } == [256, 1024, 2048])
            #expect(try rows.map { try $0.integer(1) } == [256, 1024, 2048])
            #expect(fixture.blobs.count == 4)
            #expect(fixture.staged.isEmpty)
            #expect(try await fixture.send(.get, "/v1/photos/\(id)").json["stored_at"] is String)
        }
    }

    @Test func `a corrupt photo ends its job at once`() async throws {
        try await PhotoFixture.with { fixture in
            let whole = try SamplePicture.noise(300, 300).encoded(".jpg")
            let (_, job) = try await fixture.store(Array(whole.prefix(whole.count / 2)))

            let result = try await fixture.run(job)

            guard case .failure(JobSignal.permanent(let reason)) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.hasPrefix("the photo cannot be decoded: "))
            #expect(fixture.blobs.count == 1)
            #expect(fixture.staged.isEmpty)
        }
    }

    @Test func `a full disk costs a photo nothing but time`() async throws {
        let isFull = Atomic(false)
        let wrap: @Sendable (any BlobStore) -> any BlobStore = { store in
            MeddledBlobStore(store: store) { () throws(BlobError) in
                if isFull.load(ordering: .acquiring) { throw BlobError(errno: ENOSPC, "create a file") }
            }
        }
        try await PhotoFixture.with(wrap: wrap) { fixture in
            let (_, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            isFull.store(true, ordering: .releasing)

            let result = try await fixture.run(job)

            guard case .failure(JobSignal.snooze) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(fixture.staged.isEmpty)
        }
    }

    @Test func `a photo that was deleted before its job runs stays deleted`() async throws {
        try await PhotoFixture.with { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 204)

            let output = try await fixture.run(job).get()

            #expect(try !JSONDecoder().decode(StorePhoto.Output.self, from: Data(output)).isStored)
            #expect(fixture.folder.files.isEmpty)
            #expect(try await fixture.ledger.jobs([job])[job]?.state == .completed)
        }
    }

    @Test func `a photo that is deleted while its job runs stays deleted`() async throws {
        let gate = Gate()
        let wrap: @Sendable (any BlobStore) -> any BlobStore = { store in
            MeddledBlobStore(store: store) { () throws(BlobError) in gate.pass() }
        }
        try await PhotoFixture.with(wrap: wrap) { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            gate.close()

            async let run = FileThreads.run { try Waiting.result { try await fixture.run(job).get() } }
            try await gate.reached()
            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 204)
            gate.open()
            let output = try await run

            #expect(try !JSONDecoder().decode(StorePhoto.Output.self, from: Data(output)).isStored)
            #expect(fixture.folder.files.isEmpty)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photo_variants") == 0)
        }
    }

    @Test func `a lost original is tried again while the photo is wanted`() async throws {
        try await PhotoFixture.with { fixture in
            let (_, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            try FileManager.default.removeItem(atPath: "\(fixture.folder.path)/\(fixture.blobs[0])")

            let result = try await fixture.run(job)

            guard case .failure(let error as BlobError) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(error.code == .missing)
        }
    }

    @Test func `a job for another photo's original is refused`() async throws {
        try await PhotoFixture.with { fixture in
            let (photo, _) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            let (other, _) = try await fixture.store(try SamplePicture.noise(50, 50).encoded(".png"))
            let (id, otherID) = (try #require(PhotoID(photo)), try #require(PhotoID(other)))
            let forged = try await fixture.ledger.transaction { transaction in
                let locked = try PhotoRows.lock(otherID, in: transaction)
                return try transaction.enqueue(StorePhoto(photo: id, original: try #require(locked).original))
            }

            let result = try await fixture.run(forged)

            guard case .failure(JobSignal.permanent) = result else {
                Issue.record("\(result)")
                return
            }
        }
    }

    @Test func `an operator's retry of a job that has completed changes nothing`() async throws {
        try await PhotoFixture.with { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.noise(300, 200).encoded(".png"))
            let first = try await fixture.run(job).get()
            let tag = try await fixture.send(.get, "/v1/photos/\(id)/256.webp").headers[.eTag]
            _ = try await fixture.ledger.reopen(job)

            let second = try await fixture.run(job).get()

            #expect(first == second)
            #expect(try await fixture.send(.get, "/v1/photos/\(id)/256.webp").headers[.eTag] == tag)
        }
    }
}

/// Holds up whoever passes while it is closed.
private final class Gate: Sendable {
    private let isClosed = Mutex(false)
    private let opened = DispatchSemaphore(value: 0)
    private let arrivals = TestSignal<Void>()

    func close() {
        isClosed.withLock { $0 = true }
    }

    func pass() {
        let mustWait = isClosed.withLock { isClosed in
            defer { isClosed = false }
            return isClosed
        }
        guard mustWait else { return }
        arrivals.signal(())
        opened.wait()
    }

    func reached() async throws {
        try await arrivals.next()
    }

    func open() {
        opened.signal()
    }
}

/// Waits for asynchronous work on a thread that may block.
private enum Waiting {
    static func result<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Value, any Error>?>(nil)
        // Awaited on the line below.
        Task.detached {
            let value: Result<Value, any Error>
            do { value = .success(try await body()) } catch { value = .failure(error) }
            result.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        let outcome = result.withLock(\.self)
        return try #require(outcome).get()
    }
}
