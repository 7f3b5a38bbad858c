// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

/// Jobs of durability `redis`: whether a reservation is the first one, and where they are found.
extension BrokerConformance {
    static let entrusting: [BrokerConformance] = [
        BrokerConformance("the first reservation of an entrusted job says so, no other job's does") { trial in
            try await trial.open()
            let (entrusted, pushed) = (trial.entrustedJob(), trial.job())
            try await trial.enqueue([entrusted, pushed])

            let reserved = try await trial.reserve()

            #expect(reserved.map(\.isFirst) == [true, false])
            let envelope = try JobEnvelope(decoding: try #require(reserved.first).envelope)
            #expect(envelope == entrusted.envelope)
        },
        BrokerConformance("no later reservation says so, however the job came back") { trial in
            try await trial.open()
            let jobs = (0..<5).map { _ in trial.entrustedJob() }
            try await trial.enqueue(jobs)
            let leases = try await trial.reserve().leases

            _ = try await trial.broker.release([leases[0]], in: trial.queue)
            _ = try await trial.broker.retry([(lease: leases[1], delay: .milliseconds(5))], in: trial.queue)
            try await trial.advance(by: .milliseconds(20))
            _ = try await trial.broker.promote(10, in: trial.queue)
            let again = try await trial.reserve(process: trial.otherProcess)
            #expect(Set(again.ids) == Set(Array(jobs.prefix(2)).ids))
            #expect(again.allSatisfy { !$0.isFirst })

            #expect(try await trial.broker.releaseAll(of: trial.process, in: trial.queue) == 3)
            let third = try await trial.reserve()
            #expect(third.count == 3)
            #expect(third.allSatisfy { !$0.isFirst })
            _ = try await trial.tick(for: Limits.lease + .seconds(20))
            let fourth = try await trial.reserve()
            #expect(fourth.count == jobs.count)
            #expect(fourth.allSatisfy { !$0.isFirst })
            #expect(try fourth.allSatisfy { try JobEnvelope(decoding: $0.envelope).rowPart != nil })
        },
        BrokerConformance("an entrusted job that is declared again is not at its first reservation any more") { trial in
            try await trial.open()
            try await trial.enqueue([trial.entrustedJob()])
            let reserved = try #require(try await trial.reserve().first)
            _ = try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: [])

            #expect(try await trial.broker.redeclare([reserved], in: trial.queue, by: Limits.lease) == [true])
            _ = try await trial.broker.release([reserved.lease], in: trial.queue)

            #expect(try await trial.reserve().map(\.isFirst) == [false])
        },
        BrokerConformance("a job is found by its id alone, with its place") { trial in
            try await trial.open()
            let (ready, due) = (trial.entrustedJob(), trial.entrustedJob(delay: .seconds(60)))
            try await trial.enqueue([ready, due])

            let waiting = try #require(try await trial.broker.find(ready.id))
            #expect(waiting.queue == trial.queue)
            #expect(waiting.place == .ready)
            #expect(waiting.envelope == ready.envelope.encoded())
            let scheduled = try #require(try await trial.broker.find(due.id))
            guard case .scheduled(let left) = scheduled.place else {
                Issue.record("found at \(scheduled.place)")
                return
            }
            #expect(left.isLeft(of: .seconds(60)))
            let lease = try #require(try await trial.reserve().first).lease
            #expect(try await trial.broker.find(ready.id)?.place == .leased(lease.token))
        },
        BrokerConformance("what is unknown, ended or cancelled is not found") { trial in
            try await trial.open()
            let jobs = [trial.entrustedJob(), trial.entrustedJob()]
            try await trial.enqueue(jobs)
            let lease = try #require(try await trial.reserve(1).first).lease

            _ = try await trial.broker.complete([lease], in: trial.queue, announcing: [])
            try await trial.broker.cancel(jobs[1].id, token: nil, in: trial.queue)

            for id in jobs.ids + [BrokerTrial.freshID()] { #expect(try await trial.broker.find(id) == nil) }
        },
    ]
}

extension BrokerTrial {
    /// Of durability `redis`.
    fileprivate func entrustedJob(delay: Duration = .zero) -> QueuedJob {
        var job = job(#"{"is":"entrusted"}"#, delay: delay)
        job.envelope.rowPart = JobEnvelope.RowPart(
            priority: .normal, dueAt: job.id.time + delay, tags: ["first", "zweitens"])
        return job
    }
}
