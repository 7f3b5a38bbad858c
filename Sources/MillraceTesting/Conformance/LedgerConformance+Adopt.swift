// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

/// Jobs that were accepted without the ledger.
extension LedgerConformance {
    static let adopting: [LedgerConformance] = [
        LedgerConformance("an outcome that brings its job along is the job's row") { trial in
            var job = try await trial.job(
                #" {"b":9007199254740993, "a" : [ ] }"#, priority: .high, expires: .seconds(600))
            job.tags = ["one", "two \"quoted\""]
            job.trace = "00-trace"
            let start = try await trial.now()
            let unclaimed = UnrecordedJob(job, .running, token: trial.token(5), startedAt: start)

            let verdicts = try await trial.ledger.record([
                Outcome(id: job.id, attempt: 1, ending: LedgerTrial.completed, unclaimed: unclaimed)
            ])

            #expect(verdicts == [.recorded(.completed)])
            let row = try await trial.row(job.id)
            #expect(row.payload == job.payload)
            #expect(row.result == Array("{}".utf8))
            #expect((row.kind, row.queue, row.priority) == (job.kind, job.queue, job.priority))
            #expect((row.attempt, row.failures, row.crashes, row.maxAttempts) == (1, 0, 0, job.maxAttempts))
            #expect(row.tags == job.tags)
            #expect(row.expiresAt == job.expiresAt)
            #expect(row.worker == trial.process)
            for time in [row.createdAt, row.startedAt, row.finishedAt] { #expect(start.isNear(time)) }
            #expect(try await trial.ledger.finishedCounts()[trial.queue]?.completedLastHour == 1)
        },
        LedgerConformance("it is recorded once, however often it is told, and by whomever") { trial in
            let job = try await trial.job()
            let first = trial.first(job, LedgerTrial.completed)
            let other = trial.first(job, .dead(error: "a copy that ran as well"))

            #expect(try await trial.ledger.record([first]) == [.recorded(.completed)])
            #expect(try await trial.ledger.record([first]) == [.settled(.completed)])
            #expect(try await trial.ledger.record([other]) == [.settled(.completed)])

            #expect(try await trial.ledger.finishedCounts()[trial.queue]?.completedLastHour == 1)
            #expect(try await trial.row(job.id).errors.isEmpty)
        },
        LedgerConformance("a failure of a first attempt without a row makes one that waits for the next") { trial in
            let job = try await trial.job(maxAttempts: 2)

            let verdicts = try await trial.ledger.record([
                trial.first(job, .retry(after: .seconds(60), error: "no luck"))
            ])

            #expect(verdicts == [.recorded(.scheduled)])
            let row = try await trial.row(job.id)
            #expect((row.state, row.attempt, row.failures, row.crashes) == (.scheduled, 1, 1, 0))
            #expect(row.errors.map(\.message) == ["no luck"])
            #expect(try await trial.unfinished().map(\.id) == [job.id])
        },
        LedgerConformance("the last failure, a snooze and a release are as of any attempt") { trial in
            let jobs = try await [trial.job(maxAttempts: 1), trial.job(), trial.job()]

            let verdicts = try await trial.ledger.record([
                trial.first(jobs[0], .retry(after: .seconds(60), error: "no luck")),
                trial.first(jobs[1], .snooze(.seconds(60))), trial.first(jobs[2], .release),
            ])

            #expect(verdicts == [.recorded(.dead), .recorded(.scheduled), .recorded(.ready)])
            #expect(try await trial.row(jobs[0].id).errors.map(\.message) == ["no luck"])
            #expect(try await trial.row(jobs[0].id).failures == 1)
            try await trial.start(jobs[2].id, 9, attempt: 2)
            #expect(try await trial.row(jobs[2].id).crashes == 0)
        },
        LedgerConformance("a bad result of one does not fail its neighbours") { trial in
            let jobs = try await trial.jobs(5)
            let outcomes = jobs.enumerated().map { index, job in
                trial.first(job, index == 3 ? .completed(Array("{".utf8)) : LedgerTrial.completed)
            }

            let verdicts = try await trial.ledger.record(outcomes)

            #expect(verdicts == (0..<5).map { .recorded($0 == 3 ? .dead : .completed) })
            #expect(try await trial.row(jobs[3].id).errors[0].message.contains("result cannot be stored"))
        },
        LedgerConformance("what another attempt holds is fenced off from a first one without a row") { trial in
            let job = try await trial.job()
            try await trial.ledger.adopt([UnrecordedJob(job, .running)])
            try await trial.start(job.id, 9, attempt: 2)

            #expect(try await trial.ledger.record([trial.first(job, LedgerTrial.completed)]) == [.fenced])

            #expect(try await trial.row(job.id).state == .running)
        },
        LedgerConformance("an adopted first attempt counts as crashed when the next one is claimed") { trial in
            let job = try await trial.job()
            #expect(try await trial.claim(job.id, 3) == .missing)

            for _ in 0..<2 { try await trial.ledger.adopt([UnrecordedJob(job, .running)]) }

            #expect(try await trial.row(job.id).state == .running)
            try await trial.start(job.id, 3, attempt: 2)
            #expect(try await trial.row(job.id).crashes == 1)
            #expect(try await trial.record(job.id, 2, LedgerTrial.completed) == .recorded(.completed))
        },
        LedgerConformance("what was adopted before any attempt is claimed like any other, or has expired") { trial in
            let jobs = try await [trial.job(), trial.job(expires: .seconds(-60))]

            try await trial.ledger.adopt(jobs.map { UnrecordedJob($0, .ready) })

            try await trial.start(jobs[0].id, 1, attempt: 2)
            #expect(try await trial.row(jobs[0].id).crashes == 0)
            #expect(try await trial.claim(jobs[1].id, 1) == .final(.cancelled))
        },
        LedgerConformance("of jobs with one whose data is refused none is adopted, and the others are without it") {
            trial in
            var jobs = try await trial.jobs(3)
            jobs[1] = try await trial.job("{")
            let unrecorded = jobs.map { UnrecordedJob($0, .running) }

            let error = await #expect(throws: LedgerError.self) { try await trial.ledger.adopt(unrecorded) }

            #expect(error?.code == .rejected)
            let none = try await trial.ledger.summaries(jobs.map(\.id))
            #expect(none.isEmpty)
            try await trial.ledger.adopt([unrecorded[0], unrecorded[2]])
            for index in [0, 2] { #expect(try await trial.row(jobs[index].id).state == .running) }
        },
        LedgerConformance("what was cancelled without a row stays so, and knows its lease") { trial in
            let jobs = try await trial.jobs(2)

            try await trial.ledger.adopt([
                UnrecordedJob(jobs[0], .cancelled), UnrecordedJob(jobs[1], .cancelled, token: trial.token(4)),
            ])

            #expect(
                try await trial.ledger.cancel(jobs[0].id) == .final(.cancelled, queue: trial.queue, token: nil))
            #expect(
                try await trial.ledger.cancel(jobs[1].id)
                    == .final(.cancelled, queue: trial.queue, token: trial.token(4)))
            #expect(
                try await trial.ledger.record([trial.first(jobs[1], LedgerTrial.completed)]) == [.settled(.cancelled)])
            #expect(
                try await trial.ledger.record([trial.first(jobs[0], LedgerTrial.completed)]) == [.settled(.cancelled)])
            #expect(try await trial.claim(jobs[0].id, 9) == .final(.cancelled))
        },
        LedgerConformance("an attempt that began unseen is fenced off from a job that was cancelled and opened again") {
            trial in
            let job = try await trial.job()
            try await trial.ledger.adopt([UnrecordedJob(job, .cancelled)])
            #expect(try await trial.ledger.reopen(job.id) == .reopened(queue: trial.queue))
            try await trial.start(job.id, 9, attempt: 2)

            #expect(try await trial.ledger.record([trial.first(job, LedgerTrial.completed)]) == [.fenced])

            #expect(try await trial.row(job.id).state == .running)
        },
        LedgerConformance("a row that is there is left as it is") { trial in
            let job = try await trial.startFresh()

            try await trial.ledger.adopt([UnrecordedJob(job, .cancelled)])

            #expect(try await trial.row(job.id).state == .running)
        },
        LedgerConformance("a step of an adopted first attempt is kept") { trial in
            let job = try await trial.job()
            try await trial.ledger.adopt([UnrecordedJob(job, .running, token: trial.token(2))])

            #expect(
                try await trial.ledger.recordStep("charge", result: [0x31], of: job.id, attempt: 1) == .recorded)
            #expect(try await trial.ledger.record([trial.first(job, LedgerTrial.completed)]) == [.recorded(.completed)])
        },
        LedgerConformance("however long a job has waited without a row, it is recorded") { trial in
            let job = try await trial.job(age: .seconds(40 * 86_400))

            #expect(try await trial.ledger.record([trial.first(job, LedgerTrial.completed)]) == [.recorded(.completed)])

            #expect(try await trial.row(job.id).state == .completed)
        },
    ]
}

extension LedgerTrial {
    /// How a first attempt ended that was not claimed.
    fileprivate func first(_ job: NewJob, _ ending: Outcome.Ending) -> Outcome {
        Outcome(id: job.id, attempt: 1, ending: ending, unclaimed: UnrecordedJob(job, .running, token: token(2)))
    }
}
