// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let pushing: [LedgerConformance] = [
        LedgerConformance("a job due soon is not flagged, one due later is, and shows when it comes near") { trial in
            let soon = try await trial.job(due: .seconds(540))
            let later = try await trial.job(due: .seconds(3600))
            try await trial.accept([soon, later])

            #expect(try await trial.flagged().isEmpty)
            #expect(try await trial.ledger.flaggedCounts()[trial.queue] == FlaggedCount(1))
            #expect(try await trial.unfinished().map(\.id) == [soon.id])
            try await trial.advance(by: .seconds(3060))

            let flagged = try await trial.flagged()
            #expect(flagged.map(\.id) == [later.id])
            #expect(try await trial.pushable(later.id).delay.isLeft(of: .seconds(540)))
            #expect(flagged.first?.isRunning == false)
        },
        LedgerConformance("flagged jobs come by queue, then by priority, then by age") { trial in
            let queues = [trial.queue, trial.otherQueue].sorted()
            var jobs: [NewJob] = []
            for queue in queues {
                for priority in Priority.allCases {
                    for age in [Duration.seconds(60), .seconds(30)] {
                        try await jobs.append(trial.job(in: queue, priority: priority, age: age))
                    }
                }
            }
            try await trial.accept(jobs.shuffled())
            for job in jobs {
                _ = try await trial.ledger.cancel(job.id)
                _ = try await trial.ledger.reopen(job.id)
            }

            #expect(try await trial.flagged().map(\.id) == jobs.map(\.id))
            #expect(try await trial.ledger.flagged(limit: 3).count == 3)
        },
        LedgerConformance("a submission that says so is flagged, and its neighbours are not") { trial in
            let (kept, pushed) = (try await trial.jobs(3), try await trial.jobs(3))
            let key = Idempotency(scope: trial.queue.name, key: "k", requestDigest: [1], answer: [2])
            let keyed = try await trial.job()

            try await withThrowingTaskGroup(of: Acceptance.self) { group in
                group.addTask { try await trial.ledger.accept(Submission(jobs: kept, isFlagged: true)) }
                group.addTask { try await trial.ledger.accept(Submission(jobs: pushed)) }
                group.addTask {
                    try await trial.ledger.accept(Submission(jobs: [keyed], idempotency: key, isFlagged: true))
                }
                for try await acceptance in group { #expect(acceptance == .accepted) }
            }

            #expect(try await Set(trial.flagged().map(\.id)) == Set((kept + [keyed]).map(\.id)))
            #expect(try await trial.ledger.flaggedCounts()[trial.queue] == FlaggedCount(4))
            #expect(try await Set(trial.unfinished().map(\.id)) == Set(pushed.map(\.id)))
            try await trial.start(kept[0].id, 1)
            #expect(try await trial.ledger.flaggedCounts()[trial.queue] == FlaggedCount(3))
        },
        LedgerConformance("of many flagged jobs each queue gives as many, mostly of its highest priority") { trial in
            var jobs: [NewJob] = []
            for _ in 0..<40 { try await jobs.append(trial.job(priority: .critical)) }
            for _ in 0..<5 { try await jobs.append(trial.job(priority: .low)) }
            for _ in 0..<40 { try await jobs.append(trial.job(in: trial.otherQueue, priority: .low)) }
            _ = try await trial.ledger.accept(Submission(jobs: jobs, isFlagged: true))

            let chosen = try await trial.ledger.flagged(limit: 20)

            // Other cases may have flagged jobs in queues of their own.
            let own = chosen.filter { $0.queue == trial.queue }
            let others = chosen.count { $0.queue == trial.otherQueue }
            #expect(chosen.count == 20)
            #expect(own.count >= 2 && abs(own.count - others) <= 1)
            #expect(own.count { $0.priority == .low } == 1)
        },
        LedgerConformance("what is open and does not run is flagged again, the rest is left alone") { trial in
            let jobs = try await trial.jobs(3)
            try await trial.accept(jobs)
            try await trial.start(jobs[1].id, 1)
            let ended = try await trial.startFresh()
            _ = try await trial.record(ended.id, 1, LedgerTrial.completed)

            try await trial.ledger.flagAgain([jobs[2].id, BrokerTrial.freshID(), jobs[0].id, ended.id, jobs[1].id])
            try await trial.ledger.flagAgain([])

            #expect(try await Set(trial.flagged().map(\.id)) == [jobs[0].id, jobs[2].id])
        },
        LedgerConformance("a flag that is cleared stays cleared, and its job belongs to the sweep") { trial in
            let jobs = try await trial.jobs(3)
            try await trial.accept(jobs)
            for job in jobs {
                _ = try await trial.ledger.cancel(job.id)
                _ = try await trial.ledger.reopen(job.id)
            }
            #expect(try await trial.unfinished().isEmpty)
            var pushed = try await trial.versions([jobs[0].id, jobs[2].id])
            pushed[BrokerTrial.freshID()] = RowVersion(number: 1)

            for _ in 0..<2 {
                try await trial.ledger.clearFlags(pushed)

                #expect(try await trial.flagged().map(\.id) == [jobs[1].id])
                #expect(try await trial.ledger.flaggedCounts()[trial.queue] == FlaggedCount(1))
                #expect(try await Set(trial.unfinished().map(\.id)) == [jobs[0].id, jobs[2].id])
            }
        },
        LedgerConformance("a flag that was set after its job was read for a push is not cleared") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.cancel(job.id)
            _ = try await trial.ledger.reopen(job.id)
            let first = try await trial.versions([job.id])

            try await trial.ledger.flagAgain([job.id])
            try await trial.ledger.clearFlags(first)
            #expect(try await trial.flagged().map(\.id) == [job.id])

            let second = try await trial.versions([job.id])
            try await trial.start(job.id, 2, attempt: 2)
            _ = try await trial.record(job.id, 2, .dead(error: "e"))
            _ = try await trial.ledger.reopen(job.id)
            for old in [first, second] { try await trial.ledger.clearFlags(old) }
            #expect(try await trial.flagged().map(\.id) == [job.id])

            try await trial.ledger.clearFlags(trial.versions([job.id]))
            #expect(try await trial.flagged().isEmpty)
        },
        LedgerConformance("a pushed job has its priority, envelope, time and last token") { trial in
            let job = try await trial.job("[7]", priority: .critical)
            try await trial.accept(job)
            let fresh = (row: try await trial.unfinished().first, pushed: try await trial.pushable(job.id))
            try await trial.start(job.id, 3)
            let running = (row: try await trial.unfinished().first, pushed: try await trial.pushable(job.id))
            _ = try await trial.record(job.id, 1, .retry(after: .seconds(7200), error: "e"))
            let retried = (row: try await trial.unfinished().first, pushed: try await trial.pushable(job.id))

            for (entry, token, isRunning) in [
                (fresh, nil, false), (running, trial.token(3), true), (retried, trial.token(3), false),
            ] {
                #expect(
                    entry.row
                        == UnfinishedJob(
                            id: job.id, queue: trial.queue, lastToken: token, isRunning: isRunning,
                            priority: .critical))
                #expect(entry.pushed.id == job.id)
                #expect(entry.pushed.priority == .critical)
                #expect(entry.pushed.envelope == JobEnvelope(of: job))
                #expect(entry.pushed.lastToken == token)
            }
            #expect(fresh.pushed.delay <= .zero)
            #expect(retried.pushed.delay.isLeft(of: .seconds(7200)))
        },
        LedgerConformance("what is pushed comes in the order asked for, a page of bytes at a time") { trial in
            var jobs: [NewJob] = []
            for _ in 0..<6 { try await jobs.append(trial.job("\"" + String(repeating: "x", count: 998) + "\"")) }
            try await trial.accept(jobs)
            let order = [3, 0, 5, 1, 4, 2].map { jobs[$0].id }

            for (bytes, count) in [(1, 1), (1000, 1), (1001, 2), (3500, 4), (5000, 5), (100_000, 6)] {
                let page = try await trial.ledger.pushable(order, bytesMax: bytes)

                #expect(page.map(\.job.id) == Array(order.prefix(count)), "\(bytes) bytes")
                #expect(page.allSatisfy { $0.queue == trial.queue })
            }
        },
        LedgerConformance("what has ended, or is not known, is not pushed") { trial in
            let ended = try await trial.startFresh()
            _ = try await trial.record(ended.id, 1, LedgerTrial.completed)
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)
            let running = try await trial.startFresh()

            let ids = [ended.id, BrokerTrial.freshID(), cancelled.id, running.id]

            #expect(try await trial.ledger.pushable(ids, bytesMax: 1).map(\.job.id) == [running.id])
            #expect(try await trial.ledger.pushable([ended.id], bytesMax: 1).isEmpty)
            #expect(try await trial.ledger.pushable([], bytesMax: 1).isEmpty)
        },
        LedgerConformance("what has not ended is listed in the order of its ids, page by page") { trial in
            var jobs: [NewJob] = []
            for number in 0..<7 { try await jobs.append(trial.job(age: .seconds(number * 10))) }
            let ended = try await trial.startFresh()
            _ = try await trial.record(ended.id, 1, LedgerTrial.completed)
            try await trial.accept(jobs)

            var seen: [UnfinishedJob] = []
            while true {
                let page = try await trial.ledger.unfinished(
                    age: .zero ..< .seconds(3600), in: trial.queue, after: seen.last, limit: 3)
                #expect(page.count <= 3)
                if page.isEmpty { break }
                seen += page
            }

            #expect(seen.map(\.id) == jobs.map(\.id).sorted())
        },
        LedgerConformance("what has not ended of all queues is listed queue by queue, past all that is flagged") {
            trial in
            var jobs: [NewJob] = []
            for number in 0..<9 {
                try await jobs.append(
                    trial.job(in: number.isMultiple(of: 2) ? trial.queue : trial.otherQueue, age: .seconds(number * 10))
                )
            }
            try await trial.accept(jobs)
            let flagged = try await trial.jobs(5)
            _ = try await trial.ledger.accept(Submission(jobs: flagged, isFlagged: true))

            var seen: [UnfinishedJob] = []
            while true {
                let page = try await trial.ledger.unfinished(
                    age: .zero ..< .seconds(3600), in: nil, after: seen.last, limit: 2)
                if page.isEmpty { break }
                seen += page
            }

            // Other cases may have jobs in queues of their own.
            seen.removeAll { ![trial.queue, trial.otherQueue].contains($0.queue) }
            #expect(seen.map(\.id) == jobs.sorted { ($0.queue, $0.id) < ($1.queue, $1.id) }.map(\.id))
        },
        LedgerConformance("what has not ended is listed by age and by queue") { trial in
            let young = try await trial.job()
            let middle = try await trial.job(age: .seconds(600))
            let old = try await trial.job(age: .seconds(7200))
            let elsewhere = try await trial.job(in: trial.otherQueue, age: .seconds(600))
            try await trial.accept([young, middle, old, elsewhere])
            func ids(_ age: Range<Duration>, in queue: QueueName?) async throws -> Set<JobID> {
                let page = try await trial.ledger.unfinished(age: age, in: queue, after: nil, limit: 100)
                return Set(page.filter { [trial.queue, trial.otherQueue].contains($0.queue) }.map(\.id))
            }

            #expect(try await ids(.seconds(-60) ..< .seconds(300), in: trial.queue) == [young.id])
            #expect(try await ids(.seconds(300) ..< .seconds(3600), in: trial.queue) == [middle.id])
            #expect(try await ids(.seconds(3600) ..< .seconds(30 * 86_400), in: trial.queue) == [old.id])
            #expect(try await ids(.seconds(300) ..< .seconds(3600), in: nil) == [middle.id, elsewhere.id])
            #expect(try await ids(.seconds(300) ..< .seconds(3600), in: trial.otherQueue) == [elsewhere.id])
        },
    ]
}
