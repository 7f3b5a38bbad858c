// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let blaming: [LedgerConformance] = [
        LedgerConformance("a crash makes suspects of all that ran in the process, and of nothing else") { trial in
            let jobs = try await trial.jobs(5)
            try await trial.accept(jobs)
            for job in jobs[0...3] { try await trial.start(job.id, 1) }
            // It ended before the process died.
            _ = try await trial.record(jobs[2].id, 1, .release)
            // Another process took it over.
            try await trial.start(jobs[3].id, 2, attempt: 2, process: trial.otherProcess)

            let blame = try await trial.ledger.blame(trial.crash())

            #expect(
                blame == Blame(suspects: jobs[0...1].map { trial.request($0.id, 1).lease }.sorted { $0.id < $1.id }))
            let rows = try await trial.ledger.jobs(jobs.map(\.id))
            #expect(jobs.map { rows[$0.id]?.isSuspect } == [true, true, false, false, false])
            #expect(jobs.map { rows[$0.id]?.state } == [.ready, .ready, .ready, .running, .ready])
            #expect(jobs.map { rows[$0.id]?.crashes } == [1, 1, 0, 1, 0])
            #expect(rows.values.allSatisfy { $0.failures == 0 && $0.errors.isEmpty })
        },
        LedgerConformance("a process is blamed once, however often it is said") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.blame(trial.crash())

            #expect(try await trial.ledger.blame(trial.crash()) == Blame())
            #expect(try await trial.ledger.blame(trial.crash(alone: job.id)) == Blame())

            let row = try await trial.row(job.id)
            #expect([row.attempt, row.failures, row.crashes] == [1, 0, 1])
            #expect(row.state == .ready)
        },
        LedgerConformance("a suspect is claimed alone or not at all") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.blame(trial.crash())

            #expect(try await trial.claim(job.id, 2) == .suspect)
            #expect(try await trial.claim(job.id, 2, isForced: true) == .suspect)
            try await trial.startAlone(job.id, 3, attempt: 2)

            let row = try await trial.row(job.id)
            #expect(row.state == .running)
            #expect(row.isSuspect)
            #expect([row.failures, row.crashes] == [0, 1])
        },
        LedgerConformance("a crash of the process in which a job ran alone buries it, with the report as its error") {
            trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.blame(trial.crash())
            try await trial.startAlone(job.id, 2, attempt: 2, process: trial.otherProcess)
            let report = "ended by SIGILL\n" + String(repeating: "é", count: Limits.errorBytesMax)

            let blame = try await trial.ledger.blame(
                ProcessCrash(process: trial.otherProcess, alone: job.id, report: report))

            #expect(blame == Blame(buried: [trial.request(job.id, 2, process: trial.process).lease]))
            let row = try await trial.row(job.id)
            #expect(row.state == .dead)
            #expect([row.attempt, row.failures, row.crashes] == [2, 0, 2])
            #expect(row.errors.count == 1)
            #expect(row.errors.last?.attempt == 2)
            #expect(row.errors.last?.message.hasPrefix("ended by SIGILL\né") == true)
            #expect((row.errors.last?.message.utf8.count ?? 0) <= Limits.errorBytesMax)
            #expect(row.finishedAt?.isNear(try await trial.now()) == true)
            #expect(try await trial.record(job.id, 2, LedgerTrial.completed) == .settled(.dead))
            #expect(try await trial.ledger.finishedCounts()[trial.queue]?.deadLastHour == 1)
        },
        LedgerConformance("of two that were claimed by a process only the one that ran there is blamed") { trial in
            let jobs = try await trial.jobs(2)
            try await trial.accept(jobs)
            for job in jobs { try await trial.startAlone(job.id, 1) }

            let blame = try await trial.ledger.blame(trial.crash(alone: jobs[1].id))

            #expect(blame == Blame(buried: [trial.request(jobs[1].id, 1).lease]))
            let other = try await trial.row(jobs[0].id)
            #expect(other.state == .running)
            #expect(other.errors.isEmpty && other.crashes == 0)
        },
        LedgerConformance("nobody is blamed for a job that runs elsewhere by now, or is not there") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2, process: trial.otherProcess)

            #expect(try await trial.ledger.blame(trial.crash(alone: job.id)) == Blame())
            #expect(try await trial.ledger.blame(trial.crash(alone: BrokerTrial.freshID())) == Blame())

            #expect(try await trial.row(job.id).state == .running)
        },
        LedgerConformance("lone runs that end with their process for no certain reason bury at a bound, and say why") {
            trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.blame(trial.crash())
            for run in 1...Limits.loneRunsMax {
                try await trial.startAlone(job.id, UInt64(10 * run), attempt: run + 1)
                let lease = trial.request(job.id, UInt64(10 * run)).lease
                let crash = ProcessCrash(
                    process: trial.process, alone: job.id, report: "exit code \(run)", isCertain: false)

                let blame = try await trial.ledger.blame(crash)

                let isLast = run == Limits.loneRunsMax
                #expect(blame == (isLast ? Blame(buried: [lease]) : Blame(suspects: [lease])))
                let row = try await trial.row(job.id)
                #expect(row.state == (isLast ? .dead : .ready))
                #expect([row.crashes, row.failures, row.errors.count] == [run + 1, 0, run])
                #expect(row.errors.last?.message == (isLast ? crash.lastReport : crash.report))
                #expect(row.errors.last?.attempt == run + 1)
                if !isLast { #expect(try await trial.claim(job.id, UInt64(10 * run + 1)) == .suspect) }
            }
            #expect(try await trial.ledger.finishedCounts()[trial.queue]?.deadLastHour == 1)
        },
        LedgerConformance("a lone run that ends in order, and an operator's retry, begin to count lone runs anew") {
            trial in
            let uncertain = { (job: JobID) in
                ProcessCrash(process: trial.process, alone: job, report: "exit code 3", isCertain: false)
            }
            for isReopened in [false, true] {
                let job = try await trial.startFresh()
                var attempt = 1
                for _ in 1..<Limits.loneRunsMax {
                    _ = try await trial.ledger.blame(uncertain(job.id))
                    attempt += 1
                    try await trial.startAlone(job.id, UInt64(attempt), attempt: attempt)
                }
                if isReopened {
                    _ = try await trial.ledger.cancel(job.id)
                    _ = try await trial.ledger.reopen(job.id)
                } else {
                    _ = try await trial.record(job.id, attempt, .retry(after: .zero, error: "e"))
                }

                try await trial.startAlone(job.id, UInt64(attempt + 1), attempt: attempt + 1)
                let blame = try await trial.ledger.blame(uncertain(job.id))

                #expect(blame.suspects.map(\.id) == [job.id], "reopened: \(isReopened)")
            }
        },
        LedgerConformance("a run that ends in order acquits, whatever came of it; one that was cut short does not") {
            trial in
            for (ending, isSuspect) in [
                (.retry(after: .zero, error: "e"), false), (.snooze(.zero), false), (.release, true),
                (LedgerTrial.completed, false),
            ] as [(Outcome.Ending, Bool)] {
                let job = try await trial.startFresh()
                _ = try await trial.ledger.blame(trial.crash())
                try await trial.startAlone(job.id, 2, attempt: 2)

                _ = try await trial.record(job.id, 2, ending)

                #expect(try await trial.row(job.id).isSuspect == isSuspect, "\(ending)")
            }
        },
        LedgerConformance("a lost run blames nobody the first time, and the second time makes a suspect") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2, process: trial.otherProcess)
            #expect(try await trial.row(job.id).isSuspect == false)

            #expect(try await trial.claim(job.id, 3) == .suspect)

            let row = try await trial.row(job.id)
            #expect(row.isSuspect)
            #expect(row.state == .running)
            #expect([row.attempt, row.crashes] == [2, 1])
            try await trial.startAlone(job.id, 4, attempt: 3)
            #expect(try await trial.row(job.id).crashes == 2)
        },
        LedgerConformance("a claim that is repeated after its job became a suspect is not granted again") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2)
            #expect(try await trial.claim(job.id, 3) == .suspect)

            #expect(try await trial.claim(job.id, 2) == .suspect)

            try await trial.startAlone(job.id, 4, attempt: 3)
            try await trial.startAlone(job.id, 4, attempt: 3)
        },
        LedgerConformance("whoever is thought lost and is not may still record, and acquits") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2, process: trial.otherProcess)
            #expect(try await trial.claim(job.id, 3) == .suspect)

            #expect(try await trial.record(job.id, 2, .retry(after: .zero, error: "e")) == .recorded(.ready))

            #expect(try await trial.row(job.id).isSuspect == false)
            try await trial.start(job.id, 4, attempt: 3)
        },
        LedgerConformance("a job that is lost again and again while it runs alone is never buried") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2)
            for number in 3...12 {
                #expect(try await trial.claim(job.id, UInt64(number * 10)) == .suspect)
                try await trial.startAlone(job.id, UInt64(number * 10 + 1), attempt: number)
            }

            #expect(try await trial.record(job.id, 12, LedgerTrial.completed) == .recorded(.completed))
            let row = try await trial.row(job.id)
            #expect([row.failures, row.crashes] == [0, 11])
        },
        LedgerConformance("what is pushed says who is a suspect") { trial in
            let job = try await trial.startFresh()
            #expect(try await trial.pushable(job.id).isSuspect == false)

            _ = try await trial.ledger.blame(trial.crash())

            #expect(try await trial.pushable(job.id).isSuspect)
            #expect(try await trial.unfinished().map(\.isRunning) == [false])
            #expect(try await trial.flagged().isEmpty)
        },
        LedgerConformance("an operator's retry forgets the blame") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.ledger.blame(trial.crash())
            try await trial.startAlone(job.id, 2, attempt: 2)
            _ = try await trial.ledger.blame(trial.crash(alone: job.id))

            #expect(try await trial.ledger.reopen(job.id) == .reopened(queue: trial.queue))

            #expect(try await trial.pushable(job.id).isSuspect == false)
            #expect(try await trial.row(job.id).crashes == 0)
            try await trial.start(job.id, 3, attempt: 3)
        },
    ]
}

extension LedgerTrial {
    fileprivate func crash(alone: JobID? = nil) -> ProcessCrash {
        ProcessCrash(process: process, alone: alone, report: "ended by SIGILL")
    }

    /// A job as it is pushed.
    fileprivate func pushable(_ id: JobID) async throws -> QueuedJob {
        try #require(try await ledger.pushable([id], bytesMax: 1 << 20).first).job
    }
}
