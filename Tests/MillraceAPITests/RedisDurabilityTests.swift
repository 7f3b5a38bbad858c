// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillraceTesting
import Synchronization
import Testing

@Suite("Durability redis over HTTP") struct RedisDurabilityTests {
    private static let body = #"{"kind":"test.any","payload":{"a":1.50},"durability":"redis"}"#

    @Test func `a job is accepted into the broker alone, and the answer says so`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(json: Self.body)

            #expect(reply.status == 202)
            let id = try #require(reply.json?["id"]?.string.flatMap { JobID($0) })
            #expect(reply.text == #"{"id":"\#(id)","state":"ready","durability":"redis"}"#)
            #expect(try await api.ledger.jobs([id]).isEmpty)
            #expect(try await api.broker.knows([id], in: .default) == [true])
        }
    }

    @Test func `with the ledger away it is accepted, with the broker away it is not`() async throws {
        try await APIFixture.run { api in
            api.ledger.takeAway()
            #expect(try await api.client.send(json: Self.body).status == 202)
            #expect(try await api.client.send(json: #"{"kind":"test.any","payload":0}"#).status == 503)
            api.ledger.bringBack()
            api.broker.takeAway()

            let refused = try await api.client.send(json: Self.body)

            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] == "1")
            #expect(try await api.client.send(json: #"{"kind":"test.any","payload":0}"#).status == 202)
        }
    }

    @Test func `without room in the broker the answer says so, and what would be taken`() async throws {
        try await APIFixture.run { api in
            api.broker.setBytesMax(1)

            let refused = try await api.client.send(json: Self.body)

            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] == "1")
            #expect(refused.json?["detail"]?.string?.contains("no room") == true)
            #expect(try await api.client.send(json: #"{"kind":"test.any","payload":0}"#).status == 202)
        }
    }

    @Test func `a cancellation that the broker has not heard of is not confirmed, as nothing would make up for it`()
        async throws
    {
        try await APIFixture.run { api in
            let id = try #require(try await api.client.send(json: Self.body).json?["id"]?.string.flatMap { JobID($0) })
            api.broker.fail(.cancel, with: BrokerError(.unavailable, "taken away"))

            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/cancel").status == 503)
            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/cancel").status == 200)

            #expect(try await api.reserveAll().isEmpty)
        }
    }

    @Test func `with a key, or due more than a day ahead, it is taken as postgres`() async throws {
        try await APIFixture.run { api in
            let late = try await api.client.send(
                json: #"{"kind":"test.any","payload":0,"durability":"redis","delay":"25h"}"#)
            #expect(late.json?["durability"]?.string == "postgres")
            for _ in 0..<2 {
                let keyed = try await api.client.send(json: Self.body, [("idempotency-key", "k")])
                #expect(keyed.json?["durability"]?.string == "postgres")
            }
        }
    }

    @Test func `a batch answers the least that is promised`() async throws {
        try await APIFixture.run { api in
            let plain = #"{"kind":"test.any","payload":0}"#
            let mixed = try await api.client.send(json: "[\(plain),\(Self.body)]", to: "/v1/jobs:batch")
            #expect(mixed.status == 202)
            #expect(mixed.json?["durability"]?.string == "redis")
            let recorded = try await api.client.send(json: "[\(plain)]", to: "/v1/jobs:batch")
            #expect(recorded.json?["durability"]?.string == "postgres")

            api.ledger.takeAway()
            #expect(try await api.client.send(json: "[\(plain),\(Self.body)]", to: "/v1/jobs:batch").status == 503)
            #expect(try await api.client.send(json: "[\(Self.body)]", to: "/v1/jobs:batch").status == 202)
            #expect(try await api.broker.status(of: [.default])[0].readyCount == 4)
        }
    }

    @Test func `it is shown, awaited and not retried before the ledger has it`() async throws {
        try await APIFixture.run { api in
            let id = try #require(try await api.client.send(json: Self.body).json?["id"]?.string.flatMap { JobID($0) })

            let shown = try await api.client.send("GET", "/v1/jobs/\(id)")
            #expect(shown.status == 200)
            #expect(shown.json?["state"]?.string == "ready")
            #expect(shown.json?["payload"]?.raw == #"{"a":1.50}"#)
            #expect(try await api.client.send("GET", "/v1/jobs/\(id)/result").status == 202)
            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/retry").status == 409)

            async let waited = api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")
            try await api.finishEntrusted(id)
            #expect(try await waited.text == #"{"ok":true}"#)
            #expect(try await api.client.send("GET", "/v1/jobs/\(id)").json?["state"]?.string == "completed")
        }
    }

    @Test func `a submission that waits is answered with the finished job`() async throws {
        try await APIFixture.run { api in
            async let reply = api.client.send(json: Self.body, to: "/v1/jobs?wait=30s")
            try await eventually(within: .seconds(10), "it is in its lane") {
                try await api.broker.status(of: [.default])[0].readyCount == 1
            }
            try await api.finishEntrusted(nil)

            let job = try await reply
            #expect(job.status == 200)
            #expect(job.json?["state"]?.string == "completed")
        }
    }

    @Test func `cancelled before its first attempt it never begins`() async throws {
        try await APIFixture.run { api in
            let id = try #require(try await api.client.send(json: Self.body).json?["id"]?.string.flatMap { JobID($0) })

            let answer = try await api.client.send("POST", "/v1/jobs/\(id)/cancel")

            #expect(answer.status == 200)
            #expect(try await api.ledger.jobs([id])[id]?.state == .cancelled)
            #expect(try await api.reserveAll().isEmpty)
        }
    }

    @Test func `a first attempt that begins while its job is being cancelled is stopped too`() async throws {
        let reserved = Mutex<[LeasedJob]>([])
        let wrap: (MemoryBroker) -> any JobBroker = { broker in
            CountingBroker(broker) { _ in
                // The ledger has the cancellation, the broker has not.
                let jobs = try? await broker.reserve(
                    1, from: .default, epoch: Epoch(number: 1), process: ProcessID(number: 7), backwards: false
                ).jobs
                reserved.withLock { $0 += jobs ?? [] }
            }
        }
        try await APIFixture.run(wrapBroker: wrap) { api in
            try await api.broker.configure(.default, isPaused: false, epoch: Epoch(number: 1))
            let id = try #require(try await api.client.send(json: Self.body).json?["id"]?.string.flatMap { JobID($0) })

            let answer = try await api.client.send("POST", "/v1/jobs/\(id)/cancel")

            let leases = reserved.withLock { $0.map(\.lease) }
            #expect(leases.map(\.id) == [id])
            #expect(reserved.withLock { $0.map(\.isFirst) } == [true])
            #expect(answer.status == 202)
            #expect(try await api.ledger.jobs([id])[id]?.state == .cancelled)
            #expect(try await api.broker.find(id) == nil)
            #expect(
                try await api.broker.extend(leases, in: .default, epoch: Epoch(number: 1), by: Limits.lease) == [.lost])
        }
    }

    @Test func `cancelled in its first attempt it loses its lease, and its outcome does not count`() async throws {
        try await APIFixture.run { api in
            let id = try #require(try await api.client.send(json: Self.body).json?["id"]?.string.flatMap { JobID($0) })
            let reserved = try #require(try await api.reserveAll().first)

            let answer = try await api.client.send("POST", "/v1/jobs/\(id)/cancel")

            #expect(answer.status == 202)
            #expect(try await api.broker.knows([id], in: .default) == [false])
            let job = try #require(try JobEnvelope(decoding: reserved.envelope).job(id: id, queue: .default))
            let late = Outcome(
                id: id, attempt: 1, ending: .completed([]),
                unclaimed: UnrecordedJob(job, .running, token: reserved.lease.token))
            #expect(try await api.ledger.record([late]) == [.settled(.cancelled)])
        }
    }
}

extension APIFixture {
    fileprivate func reserveAll() async throws -> [LeasedJob] {
        let epoch = Epoch(number: 1)
        try await broker.configure(.default, isPaused: false, epoch: epoch)
        return try await broker.reserve(
            10, from: .default, epoch: epoch, process: ProcessID(number: 7), backwards: false
        ).jobs
    }

    /// Runs the first attempt of all that is ready, or of one job, as a worker does.
    fileprivate func finishEntrusted(_ id: JobID?) async throws {
        for reserved in try await reserveAll() where id == nil || reserved.lease.id == id {
            let envelope = try JobEnvelope(decoding: reserved.envelope)
            let job = try #require(envelope.job(id: reserved.lease.id, queue: .default))
            _ = try await ledger.record([
                Outcome(
                    id: job.id, attempt: 1, ending: .completed(Array(#"{"ok":true}"#.utf8)),
                    unclaimed: UnrecordedJob(job, .running, token: reserved.lease.token))
            ])
            _ = try await broker.complete([reserved.lease], in: .default, announcing: [job.id])
        }
    }
}
