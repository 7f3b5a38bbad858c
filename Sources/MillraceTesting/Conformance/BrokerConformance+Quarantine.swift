// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let quarantining: [BrokerConformance] = [
        BrokerConformance("suspects are reserved one by one, the oldest first, and only as such") { trial in
            let suspects = try await trial.prepareSuspects([.normal, .critical])

            #expect(try await trial.reserve().isEmpty)
            let first = try await trial.suspect()
            let second = try await trial.suspect()

            #expect(first.jobs.ids == [suspects[0].id])
            #expect(first.isMoreReady)
            #expect(second.jobs.ids == [suspects[1].id])
            #expect(!second.isMoreReady)
            #expect((first.jobs + second.jobs).map(\.lease.token.lane) == [.normal, .critical])
            #expect(first.jobs.first?.envelope == suspects[0].envelope.encoded())
            #expect(try await trial.suspect() == Reservation())
        },
        BrokerConformance("a suspect is not ready, and is counted apart") { trial in
            _ = try await trial.prepareSuspects([.normal, .low])

            let before = try await trial.status()
            _ = try await trial.suspect()
            let after = try await trial.status()

            #expect([before.quarantined, before.readyCount, before.running] == [2, 0, 0])
            #expect([after.quarantined, after.readyCount, after.running] == [1, 0, 1])
            #expect(before.oldestReady == nil)
        },
        BrokerConformance("a suspect that is not due yet waits for its time, and is ready then") { trial in
            try await trial.open()
            var job = trial.job(delay: .seconds(5))
            job.isSuspect = true
            try await trial.enqueue([job])

            #expect(try await trial.suspect().jobs.isEmpty)
            try await trial.advance(by: .seconds(5))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 1)

            #expect(try await trial.reserve().ids == [job.id])
        },
        BrokerConformance("a suspect that is known is not pushed twice, and a leased one is busy") { trial in
            let suspects = try await trial.prepareSuspects([.normal])

            #expect(try await trial.broker.enqueue(suspects, into: trial.queue) == [.known])
            _ = try await trial.suspect()
            #expect(try await trial.broker.enqueue(suspects, into: trial.queue) == [.busy])
            #expect(try await trial.broker.knows(suspects.ids, in: trial.queue) == [true])
        },
        BrokerConformance("no suspect of a paused queue is reserved, nor with another epoch") { trial in
            let suspects = try await trial.prepareSuspects([.normal])
            let error = await #expect(throws: BrokerError.self) {
                try await trial.broker.reserveSuspect(
                    from: trial.queue, epoch: Epoch(number: 99), process: trial.process)
            }
            #expect(error?.code == .epochMismatch)
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)

            #expect(try await trial.suspect().isPaused)
            try await trial.open()
            #expect(try await trial.suspect().jobs.ids == suspects.ids)
        },
        BrokerConformance("quarantined leases end, and their jobs go to the end of the suspects, in the order given") {
            trial in
            let first = try await trial.prepareSuspects([.high])
            let others = [trial.job(priority: .low), trial.job(priority: .low)]
            try await trial.enqueue(others)
            let reserved = try await trial.reserve()

            let answers = try await trial.broker.quarantine(reserved.leases.reversed(), in: trial.queue)

            #expect(answers == [true, true])
            let order = try await [trial.suspect(), trial.suspect(), trial.suspect()].flatMap(\.jobs)
            #expect(order.ids == [first[0].id, others[1].id, others[0].id])
            #expect(order.map(\.lease.token.lane) == [.high, .low, .low])
            #expect(
                try await trial.broker.complete(reserved.leases, in: trial.queue, announcing: []) == [false, false])
        },
        BrokerConformance("a lease that is not held is not quarantined, nor one twice") { trial in
            let reserved = try await trial.reserveFresh()
            let gone = try await trial.reserveFresh()
            _ = try await trial.broker.complete([gone.lease], in: trial.queue, announcing: [])

            let answers = try await trial.broker.quarantine(
                [reserved.lease, reserved.lease, gone.lease], in: trial.queue)

            #expect(answers == [true, false, false])
            #expect(try await trial.status().quarantined == 1)
        },
        BrokerConformance("a suspect that is put back or retried goes where any job goes") { trial in
            _ = try await trial.prepareSuspects([.low, .low, .high])
            let leases = try await [trial.suspect(), trial.suspect(), trial.suspect()].flatMap(\.jobs)
            _ = try await trial.broker.release([leases[0].lease], in: trial.queue)
            _ = try await trial.broker.retry([(leases[1].lease, .seconds(1))], in: trial.queue)
            #expect(try await trial.broker.releaseAll(of: trial.process, in: trial.queue) == 1)

            try await trial.advance(by: .seconds(1))
            _ = try await trial.broker.promote(10, in: trial.queue)

            #expect(try await trial.status().quarantined == 0)
            #expect(try await trial.reserve().ids == [leases[2], leases[0], leases[1]].ids)
        },
        BrokerConformance("a cancelled suspect leaves nothing, wherever it was") { trial in
            let suspects = try await trial.prepareSuspects([.normal, .low, .high])
            let leased = try #require(try await trial.suspect().jobs.first)
            try await trial.broker.cancel(leased.lease.id, token: leased.lease.token, in: trial.queue)
            try await trial.broker.cancel(suspects[2].id, token: nil, in: trial.queue)

            #expect(try await trial.status().quarantined == 1)
            #expect(try await trial.broker.quarantine([leased.lease], in: trial.queue) == [false])
            let last = try await trial.suspect().jobs
            #expect(last.ids == [suspects[1].id])
            _ = try await trial.broker.complete(last.leases, in: trial.queue, announcing: [])

            try await trial.expectEmpty(suspects.ids)
            #expect(try await trial.status().quarantined == 0)
        },
    ]
}

extension BrokerTrial {
    /// Opens the queue and enqueues suspects.
    fileprivate func prepareSuspects(
        _ priorities: [Priority], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [QueuedJob] {
        try await open()
        let suspects = priorities.map { priority in
            var job = job(priority: priority)
            job.isSuspect = true
            return job
        }
        try await enqueue(suspects, sourceLocation: sourceLocation)
        return suspects
    }

    fileprivate func suspect() async throws -> Reservation {
        try await advance(by: .milliseconds(1))
        return try await broker.reserveSuspect(from: queue, epoch: epoch, process: process)
    }
}
