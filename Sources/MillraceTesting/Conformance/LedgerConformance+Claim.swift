// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let claiming: [LedgerConformance] = [
        LedgerConformance("the first claim grants attempt 1") { trial in
            let job = try await trial.job(maxAttempts: 5)
            try await trial.accept(job)

            let verdict = try await trial.claim(job.id, 1)

            #expect(verdict == .run(Claim(attempt: 1, failures: 0, maxAttempts: 5)))
            let row = try await trial.row(job.id)
            #expect(row.state == .running)
            #expect(row.attempt == 1)
            #expect(row.worker == trial.process)
            #expect(row.startedAt?.isNear(try await trial.now()) == true)
        },
        LedgerConformance("the same token claims the same attempt again") { trial in
            let job = try await trial.startFresh()

            let verdict = try await trial.claim(job.id, 1)

            #expect(verdict == .run(Claim(attempt: 1, failures: 0, maxAttempts: job.maxAttempts)))
            let row = try await trial.row(job.id)
            #expect(row.attempt == 1)
            #expect(row.crashes == 0)
        },
        LedgerConformance("a newer token takes a running job over, and counts a crash") { trial in
            let job = try await trial.startFresh()

            let verdict = try await trial.claim(job.id, 2, process: trial.otherProcess)

            #expect(verdict == .run(Claim(attempt: 2, failures: 0, maxAttempts: job.maxAttempts)))
            let row = try await trial.row(job.id)
            #expect(row.attempt == 2)
            #expect(row.crashes == 1)
            #expect(row.failures == 0)
            #expect(row.worker == trial.otherProcess)
            #expect(try await trial.record(job.id, 1, LedgerTrial.completed) == .fenced)
            #expect(try await trial.record(job.id, 2, LedgerTrial.completed) == .recorded(.completed))
        },
        LedgerConformance("tokens are ordered by their time, then by their process") { trial in
            let job = try await trial.job()
            try await trial.accept(job)
            let tokens = [
                LeaseToken(reservedAtMicroseconds: 255, process: ProcessID(number: .max), lane: .low),
                LeaseToken(reservedAtMicroseconds: 256, process: ProcessID(number: 1), lane: .low),
                LeaseToken(reservedAtMicroseconds: 256, process: ProcessID(number: 1 << 63), lane: .critical),
            ]
            func claims(_ token: LeaseToken) async throws -> [ClaimVerdict] {
                let lease = Lease(id: job.id, queue: trial.queue, token: token)
                return try await trial.ledger.claim(
                    [ClaimRequest(lease: lease, isAlone: true)], process: token.process)
            }

            for (index, token) in tokens.enumerated() {
                let granted = try await claims(token)
                #expect(granted == [.run(Claim(attempt: index + 1, failures: 0, maxAttempts: job.maxAttempts))])
                for older in tokens[..<index] {
                    let refused = try await claims(older)
                    #expect(refused == [.stale])
                }
            }
        },
        LedgerConformance("an older token is stale, and changes nothing") { trial in
            let job = try await trial.job()
            try await trial.accept(job)
            try await trial.start(job.id, 5)
            let before = try await trial.row(job.id)

            #expect(try await trial.claim(job.id, 4, process: trial.otherProcess) == .stale)

            #expect(try await trial.row(job.id) == before)
        },
        LedgerConformance("an older token claims by force") { trial in
            let job = try await trial.job()
            try await trial.accept(job)
            try await trial.start(job.id, 5)

            let verdict = try await trial.claim(job.id, 4, process: trial.otherProcess, isForced: true)

            #expect(verdict == .run(Claim(attempt: 2, failures: 0, maxAttempts: job.maxAttempts)))
            let again = try await trial.claim(job.id, 4, process: trial.otherProcess, isForced: true)
            #expect(again == verdict)
            #expect(try await trial.record(job.id, 1, LedgerTrial.completed) == .fenced)
            #expect(try await trial.row(job.id).crashes == 1)
        },
        LedgerConformance("the token of an attempt that has ended is stale") { trial in
            for ending in [Outcome.Ending.retry(after: .zero, error: "e"), .snooze(.zero), .release] {
                let job = try await trial.startFresh()
                _ = try await trial.record(job.id, 1, ending)

                #expect(try await trial.claim(job.id, 1) == .stale)
                try await trial.start(job.id, 2, attempt: 2)
            }
        },
        LedgerConformance("a claim says how many failures there were") { trial in
            let job = try await trial.startFresh(maxAttempts: 9)
            _ = try await trial.record(job.id, 1, .retry(after: .zero, error: "e"))

            let verdict = try await trial.claim(job.id, 2)

            #expect(verdict == .run(Claim(attempt: 2, failures: 1, maxAttempts: 9)))
            #expect(try await trial.row(job.id).crashes == 0)
        },
        LedgerConformance("what has ended is final, for any token, by force too") { trial in
            let completed = try await trial.startFresh()
            _ = try await trial.record(completed.id, 1, LedgerTrial.completed)
            let dead = try await trial.startFresh()
            _ = try await trial.record(dead.id, 1, .dead(error: "e"))
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)

            for (job, state) in [(completed, JobState.completed), (dead, .dead), (cancelled, .cancelled)] {
                let before = try await trial.row(job.id)
                #expect(try await trial.claim(job.id, 1) == .final(state))
                #expect(try await trial.claim(job.id, 2) == .final(state))
                #expect(try await trial.claim(job.id, 2, isForced: true) == .final(state))
                #expect(try await trial.row(job.id) == before)
            }
        },
        LedgerConformance("a job that is not due is not claimed, and says how long it is") { trial in
            let job = try await trial.job(due: .seconds(120))
            try await trial.accept(job)

            guard case .notDue(let left) = try await trial.claim(job.id, 1) else {
                Issue.record("it was claimed before its time")
                return
            }
            #expect(left.isLeft(of: .seconds(120)))
            #expect(try await trial.row(job.id).attempt == 0)
            try await trial.advance(by: .seconds(121))
            try await trial.start(job.id, 1)
        },
        LedgerConformance("a job in backoff is not claimed before its time") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.record(job.id, 1, .retry(after: .seconds(300), error: "e"))

            guard case .notDue(let left) = try await trial.claim(job.id, 2) else {
                Issue.record("it was claimed before its time")
                return
            }
            #expect(left.isLeft(of: .seconds(300)))
            try await trial.advance(by: .seconds(301))
            try await trial.start(job.id, 2, attempt: 2)
        },
        LedgerConformance("nothing of a paused queue is claimed, but for what runs already") { trial in
            let running = try await trial.startFresh()
            let ready = try await trial.job()
            let elsewhere = try await trial.job(in: trial.otherQueue)
            try await trial.accept([ready, elsewhere])
            try await trial.ledger.setPaused(true, queue: trial.queue)

            let verdicts = try await trial.ledger.claim(
                [
                    trial.request(ready.id, 1), trial.request(running.id, 1),
                    trial.request(elsewhere.id, 1, in: trial.otherQueue),
                    trial.request(BrokerTrial.freshID(), 1),
                ], process: trial.process)

            let granted = ClaimVerdict.run(Claim(attempt: 1, failures: 0, maxAttempts: Limits.maxAttempts))
            #expect(verdicts == [.paused, granted, granted, .missing])
            #expect(try await trial.claim(running.id, 2) == .paused)
            #expect(try await trial.record(running.id, 1, LedgerTrial.completed) == .recorded(.completed))
            try await trial.ledger.setPaused(false, queue: trial.queue)
            try await trial.start(ready.id, 1)
        },
        LedgerConformance("a job past its expiry is cancelled by its claim") { trial in
            let job = try await trial.job(expires: .seconds(120))
            let lasting = try await trial.job(expires: .seconds(3600))
            try await trial.accept([job, lasting])
            try await trial.advance(by: .seconds(121))

            #expect(try await trial.claim(job.id, 1) == .final(.cancelled))
            try await trial.start(lasting.id, 1)

            let row = try await trial.row(job.id)
            #expect(row.state == .cancelled)
            #expect(row.attempt == 0)
            #expect(row.finishedAt?.isNear(try await trial.now()) == true)
        },
        LedgerConformance("a job past its expiry that nobody claims is cancelled, a running one is not") {
            trial in
            let jobs = try await [
                trial.job(expires: .seconds(120)), trial.job(due: .seconds(600), expires: .seconds(120)),
                trial.job(expires: .seconds(120)), trial.job(expires: .seconds(3600)), trial.job(),
            ]
            try await trial.accept(jobs)
            try await trial.start(jobs[2].id, 1)
            try await trial.advance(by: .seconds(121))

            let expired = try await trial.expire()

            #expect(Set(expired.map(\.id)) == [jobs[0].id, jobs[1].id])
            var states: [JobState] = []
            for job in jobs { try await states.append(trial.row(job.id).state) }
            #expect(states == [.cancelled, .cancelled, .running, .ready, .ready])
            #expect(try await trial.row(jobs[0].id).finishedAt?.isNear(try await trial.now()) == true)
            #expect(try await trial.unfinished().count == 3)
            #expect(try await trial.expire() == [])
        },
        LedgerConformance("what has expired is told with its queue and the token of its last claim") { trial in
            let job = try await trial.job(expires: .seconds(120))
            try await trial.accept(job)
            try await trial.start(job.id, 1)
            _ = try await trial.record(job.id, 1, .retry(after: .seconds(600), error: "e"))
            try await trial.advance(by: .seconds(121))

            let expired = try await trial.expire()

            #expect(expired == [ExpiredJob(id: job.id, queue: trial.queue, token: trial.token(1))])
            #expect(try await trial.ledger.reopen(job.id) == .reopened(queue: trial.queue))
            #expect(try await trial.expire() == [])
        },
        LedgerConformance("a job that is not there is missing, and pruned where it would be too old to be there") {
            trial in
            let old = try await trial.job(age: .seconds(400 * 86_400))

            #expect(try await trial.claim(BrokerTrial.freshID(), 1) == .missing)
            #expect(try await trial.claim(old.id, 1) == .pruned)
        },
        LedgerConformance("of two claims of one id in a batch the one with the newer token stands") { trial in
            let jobs = try await trial.jobs(2)
            try await trial.accept(jobs)

            let verdicts = try await trial.ledger.claim(
                [
                    trial.request(jobs[0].id, 1), trial.request(jobs[1].id, 4), trial.request(jobs[0].id, 2),
                    trial.request(jobs[1].id, 3),
                ], process: trial.process)

            let granted = ClaimVerdict.run(Claim(attempt: 1, failures: 0, maxAttempts: Limits.maxAttempts))
            #expect(verdicts == [.stale, granted, granted, .stale])
            for job in jobs { #expect(try await trial.row(job.id).crashes == 0) }
            #expect(try await trial.claim(jobs[0].id, 2) == granted)
        },
        LedgerConformance("an empty batch is no error") { trial in
            #expect(try await trial.ledger.claim([], process: trial.process).isEmpty)
            #expect(try await trial.ledger.record([]).isEmpty)
            #expect(try await trial.ledger.jobs([]).isEmpty)
            try await trial.ledger.clearFlags([:])
        },
        LedgerConformance("a batch may have 500 jobs, and is answered in order") { trial in
            let jobs = try await trial.jobs(Limits.storeBatchMax)
            try await trial.accept(jobs)
            let shuffled = jobs.shuffled()

            let claims = try await trial.ledger.claim(
                shuffled.map { trial.request($0.id, 1) }, process: trial.process)
            #expect(claims.count == jobs.count)
            #expect(claims.allSatisfy { if case .run = $0 { true } else { false } })
            let verdicts = try await trial.ledger.record(
                shuffled.enumerated().map { index, job in
                    let isEven = index.isMultiple(of: 2)
                    return Outcome(
                        id: job.id, attempt: 1, ending: isEven ? .completed(job.payload) : .dead(error: "\(index)"))
                })

            #expect(verdicts == jobs.indices.map { .recorded($0.isMultiple(of: 2) ? .completed : .dead) })
            let rows = try await trial.ledger.jobs(jobs.map(\.id))
            for (index, job) in shuffled.enumerated() {
                let row = rows[job.id]
                #expect(index.isMultiple(of: 2) ? row?.result == job.payload : row?.errors.first?.message == "\(index)")
            }
        },
        LedgerConformance("claims and outcomes of the same jobs at the same time all come through") { trial in
            let jobs = try await trial.jobs(60)
            try await trial.accept(jobs)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...6 as ClosedRange<UInt64> {
                    group.addTask {
                        let mine = jobs.shuffled()
                        let claims = try await trial.ledger.claim(
                            mine.map { trial.request($0.id, number) }, process: trial.process)
                        let outcomes = zip(mine, claims).compactMap { job, verdict -> Outcome? in
                            guard case .run(let claim) = verdict else { return nil }
                            return Outcome(id: job.id, attempt: claim.attempt, ending: .completed(job.payload))
                        }
                        _ = try await trial.ledger.record(outcomes)
                    }
                }
                try await group.waitForAll()
            }

            let rows = try await trial.ledger.jobs(jobs.map(\.id))
            #expect(rows.count == jobs.count)
            #expect(rows.values.allSatisfy { $0.state == .completed && $0.attempt == $0.crashes + 1 })
        },
    ]
}
