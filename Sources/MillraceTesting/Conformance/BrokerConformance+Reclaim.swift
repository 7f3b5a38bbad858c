// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let reclaiming: [BrokerConformance] = [
        BrokerConformance("a job whose lease expired goes back to the head of its lane") { trial in
            let jobs = try await trial.prepare(2, priority: .high)
            let old = try #require(try await trial.reserve(1).first)

            #expect(try await trial.tick(for: .seconds(14)) == 0)
            #expect(try await trial.tick(for: .seconds(3)) == 1)

            let statuses = try await trial.broker.extend(
                [old.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.lost])
            let reserved = try await trial.reserve()
            #expect(reserved.ids == jobs.ids)
            #expect(reserved.map(\.lease.token.lane) == [.high, .high])
            #expect(reserved.first?.envelope == old.envelope)
            #expect(try await trial.broker.complete([old.lease], in: trial.queue, announcing: []) == [false])
        },
        BrokerConformance("the first reclaim of a queue takes nothing for one lease") { trial in
            _ = try await trial.reserveFresh()
            try await trial.advance(by: .seconds(60))

            #expect(try await trial.tick(for: .seconds(14)) == 0)
            #expect(try await trial.tick(for: .seconds(3)) == 1)
        },
        BrokerConformance("after a gap in its ticks reclaim takes nothing for one lease") { trial in
            try await trial.open()
            _ = try await trial.tick(for: .seconds(18))
            _ = try await trial.reserveFresh()

            try await trial.advance(by: .seconds(60))

            #expect(try await trial.tick(for: .seconds(14)) == 0)
            #expect(try await trial.tick(for: .seconds(3)) == 1)
        },
        BrokerConformance("whoever extends within that time keeps its job") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.tick(for: .seconds(10))
            try await trial.advance(by: .seconds(60))
            #expect(try await trial.tick(for: .seconds(5)) == 0)

            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(30))

            #expect(statuses == [.owned])
            #expect(try await trial.tick(for: .seconds(25)) == 0)
            #expect(try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: []) == [true])
        },
        BrokerConformance("one call reclaims up to its limit") { trial in
            let jobs = try await trial.prepare(5)
            _ = try await trial.reserve()
            // Steady ticks that take nothing, until all leases have expired.
            #expect(try await trial.tick(for: .seconds(14)) == 0)
            try await trial.advance(by: .milliseconds(1500))

            let first = try await trial.broker.reclaim(2, in: trial.queue)
            let second = try await trial.broker.reclaim(2, in: trial.queue)
            let third = try await trial.broker.reclaim(2, in: trial.queue)

            #expect([first, second, third] == [2, 2, 1])
            #expect(try await trial.status().running == 0)
            #expect(Set(try await trial.reserve().ids) == Set(jobs.ids))
        },
        BrokerConformance("the jobs of a dead process go back at once, and no others") { trial in
            let jobs = try await trial.prepare(4)
            let dead = try await trial.reserve(2)
            let alive = try await trial.reserve(1, process: trial.otherProcess)

            #expect(try await trial.broker.releaseAll(of: trial.process, in: trial.queue) == 2)
            #expect(try await trial.broker.releaseAll(of: trial.process, in: trial.queue) == 0)

            let status = try await trial.status()
            #expect(status.running == 1)
            #expect(status.readyCount == 3)
            let reserved = try await trial.reserve()
            #expect(Set(reserved.ids.prefix(2)) == Set(dead.ids))
            #expect(reserved.ids.last == jobs[3].id)
            #expect(try await trial.broker.complete(alive.leases, in: trial.queue, announcing: []) == [true])
        },
    ]

    static let promoting: [BrokerConformance] = [
        BrokerConformance("due jobs go to the end of their lanes in the order of their times") { trial in
            try await trial.open()
            let ready = trial.job()
            let late = trial.job(delay: .seconds(30))
            let early = trial.job(delay: .seconds(10))
            let low = trial.job(priority: .low, delay: .seconds(5))
            let critical = trial.job(priority: .critical, delay: .seconds(20))
            try await trial.enqueue([ready, late, early, low, critical])
            try await trial.advance(by: .seconds(31))

            let promotion = try await trial.broker.promote(10, in: trial.queue)

            #expect(promotion == Promotion(promoted: 4, nextDue: nil))
            #expect(try await trial.reserve().ids == [critical.id, ready.id, early.id, late.id, low.id])
        },
        BrokerConformance("promotion leaves what is not due, and says when the next one is") { trial in
            try await trial.open()
            let due = trial.job(delay: .seconds(10))
            let later = trial.job(delay: .seconds(60))
            try await trial.enqueue([due, later])
            try await trial.advance(by: .seconds(20))

            let promotion = try await trial.broker.promote(10, in: trial.queue)

            #expect(promotion.promoted == 1)
            let nextDue = try #require(promotion.nextDue)
            #expect(nextDue > .seconds(35) && nextDue <= .seconds(40))
            #expect(try await trial.reserve().ids == [due.id])
            #expect(try await trial.status().scheduled == 1)
        },
        BrokerConformance("one call promotes up to its limit, and says that more are due") { trial in
            let jobs = try await trial.prepare(3, delay: .seconds(10))
            try await trial.advance(by: .seconds(11))

            #expect(try await trial.broker.promote(2, in: trial.queue) == Promotion(promoted: 2, nextDue: .zero))
            #expect(try await trial.broker.promote(2, in: trial.queue) == Promotion(promoted: 1, nextDue: nil))
            #expect(try await trial.broker.promote(2, in: trial.queue) == Promotion(promoted: 0, nextDue: nil))

            #expect(Set(try await trial.reserve().ids) == Set(jobs.ids))
        },
        BrokerConformance("a paused queue promotes all the same") { trial in
            _ = try await trial.prepare(1, delay: .seconds(10))
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)
            try await trial.advance(by: .seconds(11))

            #expect(try await trial.broker.promote(10, in: trial.queue).promoted == 1)
            #expect(try await trial.status().readyCount == 1)
        },
    ]
}
