// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let enqueueing: [BrokerConformance] = [
        BrokerConformance("an enqueued job is reserved with its id, lane and envelope") { trial in
            try await trial.open()
            let job = trial.job(#"{"n":9007199254740993,"empty":[]}"#, priority: .high)
            try await trial.enqueue([job])

            let reserved = try #require(try await trial.reserve().first)

            #expect(reserved.lease.id == job.id)
            #expect(reserved.lease.queue == trial.queue)
            #expect(reserved.lease.token.lane == .high)
            #expect(reserved.lease.token.process == trial.process)
            #expect(reserved.envelope == job.envelope.encoded())
        },
        BrokerConformance("an envelope of any bytes and any size arrives as it was sent") { trial in
            try await trial.open()
            var generator = SplitMix64(seed: 1)
            let payloads: [[UInt8]] = [
                [], [0], Array(0...255),
                (0..<Limits.payloadBytesMax).map { _ in .random(in: 0...255, using: &generator) },
            ]
            let jobs = payloads.map { payload in
                var job = trial.job()
                job.envelope.payload = payload
                return job
            }
            try await trial.enqueue(jobs)

            let reserved = try await trial.reserve()

            #expect(reserved.map(\.envelope) == jobs.map { $0.envelope.encoded() })
        },
        BrokerConformance("an id that is ready is known, and has one entry") { trial in
            let jobs = try await trial.prepare(1)

            #expect(try await trial.broker.enqueue(jobs, into: trial.queue) == [.known])

            #expect(try await trial.status().readyCount == 1)
            #expect(try await trial.reserve().ids == jobs.ids)
            #expect(try await trial.reserve().isEmpty)
        },
        BrokerConformance("an id that is scheduled is known, and keeps its time until it is ready") { trial in
            let jobs = try await trial.prepare(1, delay: .seconds(60))
            var sooner = jobs[0]
            sooner.delay = .seconds(30)

            #expect(try await trial.broker.enqueue([sooner], into: trial.queue) == [.known])

            try await trial.advance(by: .seconds(50))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 0)
            let status = try await trial.status()
            #expect(status.scheduled == 1)
            #expect(status.readyCount == 0)
        },
        BrokerConformance("an id that is running is busy, and is not run twice") { trial in
            let reserved = try await trial.reserveFresh()

            let again = trial.job(id: reserved.lease.id)
            #expect(try await trial.broker.enqueue([again], into: trial.queue) == [.busy])

            #expect(try await trial.reserve().isEmpty)
            #expect(try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: []) == [true])
            try await trial.expectEmpty([reserved.lease.id])
        },
        BrokerConformance("an id twice in one batch has one entry") { trial in
            try await trial.open()
            let job = trial.job()

            let verdicts = try await trial.broker.enqueue([job, job], into: trial.queue)

            #expect(verdicts == [.enqueued, .known])
            #expect(try await trial.reserve().ids == [job.id])
            #expect(try await trial.reserve().isEmpty)
        },
        BrokerConformance("verdicts come in the order of the jobs") { trial in
            let jobs = try await trial.prepare(2)
            let fresh = trial.job()

            let verdicts = try await trial.broker.enqueue([jobs[0], fresh, jobs[1]], into: trial.queue)

            #expect(verdicts == [.known, .enqueued, .known])
        },
        BrokerConformance("an empty batch is no error") { trial in
            try await trial.open()

            #expect(try await trial.broker.enqueue([], into: trial.queue).isEmpty)
            #expect(try await trial.broker.complete([], in: trial.queue, announcing: []).isEmpty)
            #expect(try await trial.broker.retry([], in: trial.queue).isEmpty)
            #expect(try await trial.broker.release([], in: trial.queue).isEmpty)
            let statuses = try await trial.broker.extend([], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses.isEmpty)
            #expect(try await trial.broker.redeclare([], in: trial.queue, by: .seconds(15)).isEmpty)
            #expect(try await trial.broker.knows([], in: trial.queue).isEmpty)
            #expect(try await trial.broker.status(of: []).isEmpty)
        },
        BrokerConformance("a batch may have 500 jobs, in every verb") { trial in
            let jobs = try await trial.prepare(Limits.storeBatchMax)

            let reserved = try await trial.reserve(Limits.storeBatchMax)
            #expect(reserved.ids == jobs.ids)
            let statuses = try await trial.broker.extend(
                reserved.leases, in: trial.queue, epoch: trial.epoch, by: .seconds(30))
            #expect(statuses.allSatisfy { $0 == .owned })
            #expect(try await trial.broker.release(reserved.leases, in: trial.queue).allSatisfy { $0 })
            let second = try await trial.reserve(Limits.storeBatchMax)
            #expect(second.ids == jobs.ids)
            let retries = second.leases.map { (lease: $0, delay: Duration.seconds(1)) }
            #expect(try await trial.broker.retry(retries, in: trial.queue).allSatisfy { $0 })
            try await trial.advance(by: .seconds(2))
            #expect(try await trial.broker.promote(Limits.storeBatchMax, in: trial.queue).promoted == jobs.count)
            let third = try await trial.reserve(Limits.storeBatchMax)
            let ended = try await trial.broker.complete(third.leases, in: trial.queue, announcing: third.ids)
            #expect(ended.count == jobs.count)
            #expect(ended.allSatisfy { $0 })

            try await trial.expectEmpty(jobs.ids)
        },
        BrokerConformance("a job with a delay is scheduled, and is not ready before") { trial in
            _ = try await trial.prepare(1, delay: .seconds(60))

            try await trial.advance(by: .seconds(50))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 0)

            let reservation = try await trial.reservation()
            #expect(reservation.jobs.isEmpty)
            let nextDue = try #require(reservation.nextDue)
            #expect(nextDue > .seconds(5) && nextDue <= .seconds(10))
            #expect(try await trial.status().scheduled == 1)
        },
        BrokerConformance("a job that is ready now does not wait for a time of before, and is in one place") { trial in
            let jobs = try await trial.prepare(3, delay: .seconds(600))
            var ready = jobs
            for index in ready.indices { ready[index].delay = .zero }
            ready[2].isSuspect = true

            let verdicts = try await trial.broker.enqueue(ready + [ready[0]], into: trial.queue)

            #expect(verdicts == [.enqueued, .enqueued, .enqueued, .known])
            #expect(try await trial.broker.enqueue(ready, into: trial.queue) == [.known, .known, .known])
            let status = try await trial.status()
            #expect([status.scheduled, status.readyCount, status.quarantined] == [0, 2, 1])
            #expect(try await trial.reserve().ids == [jobs[0].id, jobs[1].id])
            try await trial.advance(by: .seconds(601))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 0)
        },
        BrokerConformance("a job whose time has passed is ready now") { trial in
            let jobs = try await trial.prepare(1, delay: .seconds(-60))

            #expect(try await trial.reserve().ids == jobs.ids)
        },
        BrokerConformance("a queue without an epoch takes jobs in") { trial in
            let job = trial.job()

            try await trial.enqueue([job])

            #expect(try await trial.broker.epoch(of: trial.queue) == nil)
            try await trial.open()
            #expect(try await trial.reserve().ids == [job.id])
        },
        BrokerConformance("queues do not meet") { trial in
            let jobs = try await trial.prepare(1)
            let other = BrokerTrial.freshQueue()
            try await trial.broker.configure(other, isPaused: false, epoch: trial.epoch)

            let elsewhere = try await trial.broker.reserve(
                10, from: other, epoch: trial.epoch, process: trial.process, backwards: false)

            #expect(elsewhere.jobs.isEmpty)
            #expect(try await trial.broker.knows(jobs.ids, in: other) == [false])
            #expect(try await trial.broker.enqueue(jobs, into: other) == [.enqueued])
            #expect(try await trial.reserve().ids == jobs.ids)
        },
        BrokerConformance("an id whose last lease still stands is busy, and is taken once it has ended") { trial in
            let reserved = try await trial.reserveFresh()
            var reopened = trial.job(id: reserved.lease.id)
            reopened.lastToken = reserved.lease.token

            #expect(try await trial.broker.enqueue([reopened], into: trial.queue) == [.busy])
            _ = try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: [])
            #expect(try await trial.broker.enqueue([reopened], into: trial.queue) == [.enqueued])

            #expect(try await trial.reserve().ids == [reserved.lease.id])
        },
    ]
}
