// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let ending: [BrokerConformance] = [
        BrokerConformance("completing forgets all of a job") { trial in
            let reserved = try await trial.reserveFresh()

            let answers = try await trial.broker.complete(
                [reserved.lease], in: trial.queue, announcing: [reserved.lease.id])

            #expect(answers == [true])
            try await trial.expectEmpty([reserved.lease.id])
            #expect(try await trial.tick(for: .seconds(40)) == 0)
            let again = trial.job(id: reserved.lease.id)
            #expect(try await trial.broker.enqueue([again], into: trial.queue) == [.enqueued])
        },
        BrokerConformance("completing twice is completing once") { trial in
            let reserved = try await trial.reserveFresh()

            let first = try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: [])
            let second = try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: [])

            #expect(first == [true])
            #expect(second == [false])
        },
        BrokerConformance("another token ends nothing") { trial in
            let reserved = try await trial.reserveFresh()
            let token = LeaseToken(
                reservedAtMicroseconds: reserved.lease.token.reservedAtMicroseconds, process: trial.otherProcess,
                lane: reserved.lease.token.lane)
            let foreign = Lease(id: reserved.lease.id, queue: trial.queue, token: token)

            #expect(try await trial.broker.complete([foreign], in: trial.queue, announcing: []) == [false])
            #expect(try await trial.broker.retry([(foreign, .seconds(1))], in: trial.queue) == [false])
            #expect(try await trial.broker.release([foreign], in: trial.queue) == [false])
            let statuses = try await trial.broker.extend(
                [foreign, reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.lost, .owned])

            let status = try await trial.status()
            #expect(status.running == 1)
            #expect(status.scheduled == 0)
            #expect(status.readyCount == 0)
        },
        BrokerConformance("an old holder ends nothing once the job has a new one") { trial in
            let old = try await trial.reserveFresh()
            #expect(try await trial.broker.releaseAll(of: trial.process, in: trial.queue) == 1)
            let new = try #require(try await trial.reserve(process: trial.otherProcess).first)

            #expect(try await trial.broker.complete([old.lease], in: trial.queue, announcing: []) == [false])
            #expect(try await trial.broker.retry([(old.lease, .zero)], in: trial.queue) == [false])
            #expect(try await trial.broker.release([old.lease], in: trial.queue) == [false])

            #expect(new.lease.id == old.lease.id)
            #expect(new.envelope == old.envelope)
            #expect(try await trial.broker.complete([new.lease], in: trial.queue, announcing: []) == [true])
        },
        BrokerConformance("answers of a batch come in the order of its leases") { trial in
            _ = try await trial.prepare(4)
            let leases = try await trial.reserve().leases
            _ = try await trial.broker.complete([leases[1]], in: trial.queue, announcing: [])

            #expect(try await trial.broker.release([leases[0], leases[1]], in: trial.queue) == [true, false])
            let retried = try await trial.broker.retry(
                [(leases[1], .seconds(1)), (leases[2], .seconds(1))], in: trial.queue)
            #expect(retried == [false, true])
            let completed = try await trial.broker.complete(
                [leases[2], leases[3], leases[0]], in: trial.queue, announcing: [])
            #expect(completed == [false, true, false])
        },
        BrokerConformance("a retried job comes back to its lane after its delay, with its envelope") { trial in
            let reserved = try await trial.reserveFresh(priority: .low)

            #expect(try await trial.broker.retry([(reserved.lease, .seconds(30))], in: trial.queue) == [true])

            #expect(try await trial.status().scheduled == 1)
            #expect(try await trial.status().running == 0)
            try await trial.advance(by: .seconds(25))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 0)
            try await trial.advance(by: .seconds(6))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 1)
            let again = try #require(try await trial.reserve().first)
            #expect(again.lease.id == reserved.lease.id)
            #expect(again.lease.token.lane == .low)
            #expect(again.envelope == reserved.envelope)
        },
        BrokerConformance("each job of a batch is retried after its own delay") { trial in
            let jobs = try await trial.prepare(3)
            let leases = try await trial.reserve().leases

            _ = try await trial.broker.retry(
                [(leases[0], .seconds(60)), (leases[1], .zero), (leases[2], .seconds(20))], in: trial.queue)

            _ = try await trial.broker.promote(10, in: trial.queue)
            #expect(try await trial.reserve().ids == [jobs[1].id])
            try await trial.advance(by: .seconds(21))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 1)
            #expect(try await trial.reserve().ids == [jobs[2].id])
        },
        BrokerConformance("retrying twice is retrying once") { trial in
            let reserved = try await trial.reserveFresh()

            let first = try await trial.broker.retry([(reserved.lease, .seconds(10))], in: trial.queue)
            let second = try await trial.broker.retry([(reserved.lease, .seconds(1000))], in: trial.queue)

            #expect(first == [true])
            #expect(second == [false])
            try await trial.advance(by: .seconds(11))
            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 1)
            #expect(try await trial.status().scheduled == 0)
        },
        BrokerConformance("a released job goes to the head of its lane") { trial in
            let jobs = try await trial.prepare(3)
            let first = try await trial.reserve(1)

            #expect(try await trial.broker.release(first.leases, in: trial.queue) == [true])

            #expect(try await trial.reserve().ids == jobs.ids)
        },
        BrokerConformance("released jobs keep the order in which they are given") { trial in
            let jobs = try await trial.prepare(4)
            let taken = try await trial.reserve(3)

            #expect(try await trial.broker.release(taken.leases, in: trial.queue) == [true, true, true])

            #expect(try await trial.reserve().ids == jobs.ids)
        },
        BrokerConformance("released jobs go to the lanes that they came from") { trial in
            try await trial.open()
            let jobs = [Priority.low, .critical, .high, .normal].map { trial.job(priority: $0) }
            try await trial.enqueue(jobs)
            let taken = try await trial.reserve()

            _ = try await trial.broker.release(taken.leases, in: trial.queue)

            let status = try await trial.status()
            for priority in Priority.allCases { #expect(status.ready[priority] == 1) }
            #expect(try await trial.reserve().ids == taken.ids)
        },
        BrokerConformance("releasing twice is releasing once") { trial in
            let reserved = try await trial.reserveFresh()

            let first = try await trial.broker.release([reserved.lease], in: trial.queue)
            let second = try await trial.broker.release([reserved.lease], in: trial.queue)

            #expect(first == [true])
            #expect(second == [false])
            #expect(try await trial.reserve().count == 1)
            #expect(try await trial.reserve().isEmpty)
        },
    ]
}
