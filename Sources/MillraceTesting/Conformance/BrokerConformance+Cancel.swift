// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let cancelling: [BrokerConformance] = [
        BrokerConformance("a cancelled job of a lane is not reserved, and is busy until its entry is met") { trial in
            let jobs = try await trial.prepare(2)
            try await trial.broker.cancel(jobs[0].id, token: nil, in: trial.queue)

            let status = try await trial.status()
            #expect(status.cancelledEntries == 1)
            #expect(status.readyCount == 1)
            #expect(try await trial.broker.enqueue([jobs[0]], into: trial.queue) == [.busy])
            #expect(try await trial.reserve().ids == [jobs[1].id])
            #expect(try await trial.broker.knows([jobs[0].id], in: trial.queue) == [false])
            #expect(try await trial.broker.enqueue([jobs[0]], into: trial.queue) == [.enqueued])
            #expect(try await trial.reserve().ids == [jobs[0].id])
        },
        BrokerConformance("a cancelled job that was scheduled is gone at once") { trial in
            let jobs = try await trial.prepare(1, priority: .low, delay: .seconds(10))

            try await trial.broker.cancel(jobs[0].id, token: nil, in: trial.queue)

            try await trial.expectEmpty(jobs.ids)
            try await trial.advance(by: .seconds(11))
            #expect(try await trial.broker.promote(10, in: trial.queue) == Promotion(promoted: 0, nextDue: nil))
            #expect(try await trial.broker.enqueue(jobs, into: trial.queue) == [.enqueued])
        },
        BrokerConformance("a cancelled job that is running loses its lease") { trial in
            let reserved = try await trial.reserveFresh()

            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.lost])
            #expect(try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: []) == [false])
            try await trial.expectEmpty([reserved.lease.id])
            #expect(try await trial.tick(for: .seconds(40)) == 0)
        },
        BrokerConformance("a late cancellation leaves a lease alone that is not the one it was meant for") { trial in
            let first = try await trial.reserveFresh()
            _ = try await trial.broker.release([first.lease], in: trial.queue)
            let second = try #require(try await trial.reserve(1).first)

            for token in [first.lease.token, nil] {
                try await trial.broker.cancel(first.lease.id, token: token, in: trial.queue)
                try await trial.broker.cancel(first.lease.id, token: token, in: trial.queue)
            }

            let statuses = try await trial.broker.extend(
                [second.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.owned])
            #expect(try await trial.broker.redeclare([second], in: trial.queue, by: .seconds(15)) == [true])
            #expect(try await trial.broker.release([second.lease], in: trial.queue) == [true])
            #expect(try await trial.reserve().ids == [first.lease.id])
            #expect(try await trial.status().cancelledEntries == 0)
        },
        BrokerConformance("a cancelled job does not come back by a release") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            _ = try await trial.broker.release([reserved.lease], in: trial.queue)

            #expect(try await trial.reserve().isEmpty)
            try await trial.expectEmpty([reserved.lease.id])
        },
        BrokerConformance("a cancelled job does not come back by a retry") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            _ = try await trial.broker.retry([(reserved.lease, .seconds(1))], in: trial.queue)

            try await trial.advance(by: .seconds(2))
            _ = try await trial.broker.promote(10, in: trial.queue)
            #expect(try await trial.reserve().isEmpty)
            try await trial.expectEmpty([reserved.lease.id])
        },
        BrokerConformance("a cancelled job does not come back by the end of its lease") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            _ = try await trial.tick(for: .seconds(18))

            #expect(try await trial.reserve().isEmpty)
            try await trial.expectEmpty([reserved.lease.id])
        },
        BrokerConformance("a cancelled job does not come back by the end of its process") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            _ = try await trial.broker.releaseAll(of: trial.process, in: trial.queue)

            #expect(try await trial.reserve().isEmpty)
            try await trial.expectEmpty([reserved.lease.id])
        },
        BrokerConformance("a cancelled job of a lane does not come back by its old holder's declaration") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.broker.release([reserved.lease], in: trial.queue)
            try await trial.broker.cancel(reserved.lease.id, token: reserved.lease.token, in: trial.queue)

            let declared = try await trial.broker.redeclare([reserved], in: trial.queue, by: .seconds(30))

            #expect(declared == [false])
            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.lost])
        },
        BrokerConformance("a token of an earlier lease cancels the job where it is now") { trial in
            let first = try await trial.reserveFresh()
            _ = try await trial.broker.release([first.lease], in: trial.queue)

            try await trial.broker.cancel(first.lease.id, token: first.lease.token, in: trial.queue)

            #expect(try await trial.reserve().isEmpty)
            try await trial.expectEmpty([first.lease.id])
        },
        BrokerConformance("cancelling an unknown job leaves no trace") { trial in
            try await trial.open()
            let job = trial.job()

            try await trial.broker.cancel(job.id, token: nil, in: trial.queue)
            try await trial.broker.cancel(job.id, token: trial.declared(job.id).lease.token, in: trial.queue)

            try await trial.expectEmpty([job.id])
            #expect(try await trial.broker.enqueue([job], into: trial.queue) == [.enqueued])
        },
        BrokerConformance("cancelling twice is cancelling once") { trial in
            let jobs = try await trial.prepare(2)

            for _ in 0..<2 { try await trial.broker.cancel(jobs[0].id, token: nil, in: trial.queue) }

            #expect(try await trial.status().cancelledEntries == 1)
            #expect(try await trial.reserve().ids == [jobs[1].id])
            #expect(try await trial.status().cancelledEntries == 0)
        },
        BrokerConformance("every place of a job is known") { trial in
            let reserved = try await trial.reserveFresh()
            let ready = trial.job(priority: .critical)
            let scheduled = trial.job(delay: .seconds(60))
            try await trial.enqueue([ready, scheduled])

            let known = try await trial.broker.knows(
                [ready.id, BrokerTrial.freshID(), scheduled.id, reserved.lease.id], in: trial.queue)

            #expect(known == [true, false, true, true])
        },
    ]
}
