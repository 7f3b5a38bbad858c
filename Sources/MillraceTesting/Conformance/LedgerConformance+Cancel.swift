// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let cancelling: [LedgerConformance] = [
        LedgerConformance("a job that is not running is cancelled, and its last token is told") { trial in
            let ready = try await trial.job()
            let scheduled = try await trial.job(due: .seconds(3600))
            let retried = try await trial.startFresh()
            _ = try await trial.record(retried.id, 1, .retry(after: .seconds(60), error: "e"))
            try await trial.accept([ready, scheduled])

            for (job, token) in [(ready, nil), (scheduled, nil), (retried, trial.token(1))] {
                let verdict = try await trial.ledger.cancel(job.id)

                #expect(verdict == .cancelled(queue: trial.queue, token: token, wasRunning: false))
                let row = try await trial.row(job.id)
                #expect(row.state == .cancelled)
                #expect(row.finishedAt?.isNear(try await trial.now()) == true)
            }
            #expect(try await trial.flagged().isEmpty)
            #expect(try await trial.unfinished().isEmpty)
        },
        LedgerConformance("a job that is running is cancelled with its token") { trial in
            let job = try await trial.startFresh()

            let verdict = try await trial.ledger.cancel(job.id)

            #expect(verdict == .cancelled(queue: trial.queue, token: trial.token(1), wasRunning: true))
            #expect(try await trial.row(job.id).state == .cancelled)
        },
        LedgerConformance("a job that has ended is not cancelled") { trial in
            let completed = try await trial.startFresh()
            _ = try await trial.record(completed.id, 1, LedgerTrial.completed)
            let dead = try await trial.startFresh()
            _ = try await trial.record(dead.id, 1, .dead(error: "e"))
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)

            for (job, state) in [(completed, JobState.completed), (dead, .dead), (cancelled, .cancelled)] {
                let before = try await trial.row(job.id)
                let verdict = try await trial.ledger.cancel(job.id)
                #expect(verdict == .final(state, queue: trial.queue, token: trial.token(1)))
                #expect(try await trial.row(job.id) == before)
            }
            #expect(try await trial.ledger.cancel(BrokerTrial.freshID()) == .missing)
        },
        LedgerConformance("of a cancellation and an outcome at the same time one wins, and both are told which") {
            trial in
            for _ in 0..<20 {
                let job = try await trial.startFresh()

                async let cancellation = trial.ledger.cancel(job.id)
                async let recording = trial.record(job.id, 1, LedgerTrial.completed)
                let (cancelled, recorded) = try await (cancellation, recording)

                let state = try await trial.row(job.id).state
                if state == .cancelled {
                    #expect(cancelled == .cancelled(queue: trial.queue, token: trial.token(1), wasRunning: true))
                    #expect(recorded == .settled(.cancelled))
                } else {
                    #expect(state == .completed)
                    #expect(cancelled == .final(.completed, queue: trial.queue, token: trial.token(1)))
                    #expect(recorded == .recorded(.completed))
                }
            }
        },
        LedgerConformance("what is open and nobody's is flagged again, and nothing else") { trial in
            let ready = try await trial.job()
            let scheduled = try await trial.job(due: .seconds(300))
            try await trial.accept([ready, scheduled])
            let running = try await trial.startFresh()
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)

            for _ in 0..<2 {
                for id in [ready.id, scheduled.id, running.id, cancelled.id, BrokerTrial.freshID()] {
                    try await trial.ledger.flagAgain([id])
                }

                #expect(try await Set(trial.flagged().map(\.id)) == [ready.id, scheduled.id])
                #expect(try await trial.unfinished().map(\.id) == [running.id])
                #expect(try await trial.row(cancelled.id).state == .cancelled)
                #expect(try await trial.row(scheduled.id).state == .scheduled)
            }
        },
        LedgerConformance("an ended job that an operator retries is ready, flagged, and its budget is whole") { trial in
            let completed = try await trial.startFresh()
            _ = try await trial.record(completed.id, 1, LedgerTrial.completed)
            let dead = try await trial.startFresh()
            try await trial.start(dead.id, 2, attempt: 2)
            _ = try await trial.record(dead.id, 2, .dead(error: "e"))
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)

            for (job, attempt) in [(completed, 1), (dead, 2), (cancelled, 1)] {
                #expect(try await trial.ledger.reopen(job.id) == .reopened(queue: trial.queue))

                let row = try await trial.row(job.id)
                #expect(row.state == .ready)
                #expect([row.attempt, row.failures, row.crashes] == [attempt, 0, 0])
                #expect(row.result == nil)
                #expect(row.finishedAt == nil)
                #expect(try await trial.flagged().contains { $0.id == job.id })
                try await trial.start(job.id, 9, attempt: attempt + 1)
                #expect(try await trial.row(job.id).crashes == 0)
            }
        },
        LedgerConformance("a job that has not ended is not opened, and opening twice is opening once") { trial in
            let scheduled = try await trial.job(due: .seconds(300))
            try await trial.accept(scheduled)
            let running = try await trial.startFresh()
            let ended = try await trial.startFresh()
            _ = try await trial.record(ended.id, 1, LedgerTrial.completed)

            #expect(try await trial.ledger.reopen(scheduled.id) == .notFinal(.scheduled))
            #expect(try await trial.ledger.reopen(running.id) == .notFinal(.running))
            #expect(try await trial.ledger.reopen(ended.id) == .reopened(queue: trial.queue))
            #expect(try await trial.ledger.reopen(ended.id) == .notFinal(.ready))
            #expect(try await trial.ledger.reopen(BrokerTrial.freshID()) == .missing)
        },
        LedgerConformance("an old holder of a job that was opened again changes nothing") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.cancel(job.id)
            _ = try await trial.ledger.reopen(job.id)

            #expect(try await trial.record(job.id, 1, LedgerTrial.completed) == .settled(.ready))
            #expect(try await trial.claim(job.id, 1) == .stale)
            #expect(try await trial.row(job.id).state == .ready)
            try await trial.start(job.id, 2, attempt: 2)
            #expect(try await trial.record(job.id, 1, LedgerTrial.completed) == .fenced)
            #expect(try await trial.row(job.id).state == .running)
        },
        LedgerConformance("a job that expired and was opened again has no expiry") { trial in
            let job = try await trial.job(expires: .seconds(60))
            try await trial.accept(job)
            try await trial.advance(by: .seconds(61))
            #expect(try await trial.claim(job.id, 1) == .final(.cancelled))

            _ = try await trial.ledger.reopen(job.id)

            #expect(try await trial.row(job.id).expiresAt == nil)
            #expect(try await trial.pushable(job.id).envelope.expiresAt == nil)
            try await trial.start(job.id, 2)
        },
        LedgerConformance("an opened job remembers the errors that it had") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.record(job.id, 1, .dead(error: "before"))

            _ = try await trial.ledger.reopen(job.id)

            #expect(try await trial.row(job.id).errors.map(\.message) == ["before"])
        },
    ]
}
