// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    private static let endings: [Outcome.Ending] = [
        .completed([0x31]), .dead(error: "e"), .retry(after: .seconds(60), error: "e"), .snooze(.seconds(60)), .release,
    ]

    static let recording: [LedgerConformance] = [
        LedgerConformance("a completed job keeps its result byte for byte") { trial in
            let job = try await trial.startFresh()
            let result = Array(#" { "b":9007199254740993, "a" : [ ] , "b":2}"#.utf8)

            #expect(try await trial.record(job.id, 1, .completed(result)) == .recorded(.completed))

            let row = try await trial.row(job.id)
            #expect(row.state == .completed)
            #expect(row.result == result)
            #expect(row.errors.isEmpty)
            #expect([row.attempt, row.failures, row.crashes] == [1, 0, 0])
            #expect(row.finishedAt?.isNear(try await trial.now()) == true)
        },
        LedgerConformance("a retried job is scheduled, with its error and one failure") { trial in
            let job = try await trial.startFresh()

            let verdict = try await trial.record(job.id, 1, .retry(after: .seconds(300), error: "no route"))

            #expect(verdict == .recorded(.scheduled))
            let row = try await trial.row(job.id)
            #expect(row.state == .scheduled)
            #expect(row.dueAt.isNear(try await trial.now() + .seconds(300)))
            #expect([row.attempt, row.failures, row.crashes] == [1, 1, 0])
            #expect(row.errors.map(\.message) == ["no route"])
            #expect(row.errors.map(\.attempt) == [1])
            #expect(row.errors.first?.at.isNear(try await trial.now()) == true)
            #expect(row.finishedAt == nil)
        },
        LedgerConformance("a job that is retried at once is ready") { trial in
            let job = try await trial.startFresh()

            #expect(try await trial.record(job.id, 1, .retry(after: .zero, error: "e")) == .recorded(.ready))

            #expect(try await trial.row(job.id).state == .ready)
        },
        LedgerConformance("the failure that spends the budget buries the job") { trial in
            let job = try await trial.startFresh(maxAttempts: 2)

            #expect(try await trial.record(job.id, 1, .retry(after: .zero, error: "one")) == .recorded(.ready))
            try await trial.start(job.id, 2, attempt: 2)
            #expect(try await trial.record(job.id, 2, .retry(after: .zero, error: "two")) == .recorded(.dead))

            let row = try await trial.row(job.id)
            #expect(row.state == .dead)
            #expect(row.failures == 2)
            #expect(row.errors.map(\.message) == ["one", "two"])
            #expect(row.finishedAt != nil)
        },
        LedgerConformance("crashes do not spend the budget") { trial in
            let job = try await trial.startFresh(maxAttempts: 2)
            for number in 2...6 as ClosedRange<UInt64> {
                try await trial.startAlone(job.id, number, attempt: Int(number))
            }

            #expect(try await trial.record(job.id, 6, .retry(after: .zero, error: "one")) == .recorded(.ready))

            let row = try await trial.row(job.id)
            #expect([row.attempt, row.failures, row.crashes] == [6, 1, 5])
        },
        LedgerConformance("a job without hope is dead at once, with its error") { trial in
            let job = try await trial.startFresh()

            #expect(try await trial.record(job.id, 1, .dead(error: "no such photo")) == .recorded(.dead))

            let row = try await trial.row(job.id)
            #expect(row.state == .dead)
            #expect(row.failures == 1)
            #expect(row.errors.map(\.message) == ["no such photo"])
            #expect(row.result == nil)
            #expect(row.finishedAt?.isNear(try await trial.now()) == true)
        },
        LedgerConformance("a snooze costs nothing") { trial in
            let job = try await trial.startFresh(maxAttempts: 1)

            #expect(try await trial.record(job.id, 1, .snooze(.seconds(60))) == .recorded(.scheduled))

            let row = try await trial.row(job.id)
            #expect(row.state == .scheduled)
            #expect([row.attempt, row.failures, row.crashes] == [1, 0, 0])
            #expect(row.errors.isEmpty)
            try await trial.advance(by: .seconds(61))
            try await trial.start(job.id, 2, attempt: 2)
            #expect(try await trial.row(job.id).crashes == 0)
        },
        LedgerConformance("a released job is ready, at no cost") { trial in
            let job = try await trial.startFresh(maxAttempts: 1)

            #expect(try await trial.record(job.id, 1, .release) == .recorded(.ready))

            let row = try await trial.row(job.id)
            #expect(row.state == .ready)
            #expect([row.attempt, row.failures, row.crashes] == [1, 0, 0])
            try await trial.start(job.id, 2, attempt: 2)
        },
        LedgerConformance("an outcome of an older attempt is fenced off, whatever it is") { trial in
            for ending in endings {
                let job = try await trial.startFresh()
                try await trial.start(job.id, 2, attempt: 2)
                let before = try await trial.row(job.id)

                #expect(try await trial.record(job.id, 1, ending) == .fenced)

                #expect(try await trial.row(job.id) == before)
            }
        },
        LedgerConformance("an outcome of an attempt that never was is fenced off") { trial in
            for ending in endings {
                let job = try await trial.startFresh()
                let before = try await trial.row(job.id)

                #expect(try await trial.record(job.id, 2, ending) == .fenced)
                #expect(try await trial.record(BrokerTrial.freshID(), 1, ending) == .fenced)

                #expect(try await trial.row(job.id) == before)
            }
        },
        LedgerConformance("an outcome that is repeated is settled, and changes nothing") { trial in
            for ending in endings {
                let job = try await trial.startFresh()
                _ = try await trial.record(job.id, 1, ending)
                let before = try await trial.row(job.id)

                #expect(try await trial.record(job.id, 1, ending) == .settled(before.state))
                #expect(try await trial.record(job.id, 1, LedgerTrial.completed) == .settled(before.state))

                #expect(try await trial.row(job.id) == before)
            }
        },
        LedgerConformance("an outcome that comes after a cancellation is settled") { trial in
            for ending in endings {
                let job = try await trial.startFresh()
                _ = try await trial.ledger.cancel(job.id)
                let before = try await trial.row(job.id)

                #expect(try await trial.record(job.id, 1, ending) == .settled(.cancelled))

                #expect(try await trial.row(job.id) == before)
            }
        },
        LedgerConformance("verdicts come in the order of the outcomes, each for itself") { trial in
            let taken = try await trial.startFresh()
            try await trial.start(taken.id, 2, attempt: 2)
            let repeated = try await trial.startFresh()
            _ = try await trial.record(repeated.id, 1, .release)
            var jobs = [taken, repeated]
            for _ in endings { try await jobs.append(trial.startFresh()) }

            let verdicts = try await trial.ledger.record(
                zip(jobs, [.release, .release] + endings).map { Outcome(id: $0.id, attempt: 1, ending: $1) })

            #expect(
                verdicts == [
                    .fenced, .settled(.ready), .recorded(.completed), .recorded(.dead), .recorded(.scheduled),
                    .recorded(.scheduled), .recorded(.ready),
                ])
        },
    ]

    static let storing: [LedgerConformance] = [
        LedgerConformance("a result that cannot be stored buries its job, and not its neighbours") { trial in
            let poisons: [[UInt8]] = [Array("{\"a\":".utf8), [], [0x22, 0xFF, 0x22], [0x22, 0, 0x22]]
            for poison in poisons {
                var jobs: [NewJob] = []
                for _ in 0..<3 { try await jobs.append(trial.startFresh()) }
                let results = [Array("1".utf8), poison, Array("3".utf8)]

                let verdicts = try await trial.ledger.record(
                    zip(jobs, results).map { Outcome(id: $0.id, attempt: 1, ending: .completed($1)) })

                #expect(verdicts == [.recorded(.completed), .recorded(.dead), .recorded(.completed)])
                #expect(try await trial.row(jobs[0].id).result == results[0])
                #expect(try await trial.row(jobs[2].id).result == results[2])
                let dead = try await trial.row(jobs[1].id)
                #expect(dead.state == .dead)
                #expect(dead.result == nil)
                #expect(dead.errors.last?.message.contains("result cannot be stored") == true)
            }
        },
        LedgerConformance("an escaped NUL in a result hurts nobody") { trial in
            var jobs: [NewJob] = []
            for _ in 0..<3 { try await jobs.append(trial.startFresh()) }
            let result = Array(#"{"text":"a\u0000b"}"#.utf8)

            let verdicts = try await trial.ledger.record(
                zip(jobs, [[0x31], result, [0x33]]).map { Outcome(id: $0.id, attempt: 1, ending: .completed($1)) })

            #expect(verdicts[0] == .recorded(.completed))
            #expect(verdicts[2] == .recorded(.completed))
            let row = try await trial.row(jobs[1].id)
            #expect(row.state == .completed ? row.result == result : row.state == .dead)
        },
        LedgerConformance("an error of any text is kept, and hurts no neighbour") { trial in
            let errors = ["plain", "a NUL \u{0} inside", "\"quoted\" \\ {braced} \n\t", "", "é 😀 \u{FFFD} \u{2028}"]
            var jobs: [NewJob] = []
            for _ in errors { try await jobs.append(trial.startFresh()) }

            let verdicts = try await trial.ledger.record(
                zip(jobs, errors).map { Outcome(id: $0.id, attempt: 1, ending: .retry(after: .zero, error: $1)) })
            for job in jobs { try await trial.start(job.id, 2, attempt: 2) }
            _ = try await trial.ledger.record(
                zip(jobs, errors).map { Outcome(id: $0.id, attempt: 2, ending: .retry(after: .zero, error: $1)) })

            #expect(verdicts == jobs.map { _ in .recorded(.ready) })
            for (index, job) in jobs.enumerated() {
                let row = try await trial.row(job.id)
                #expect(row.failures == 2)
                #expect(row.errors.count == 2)
                // What stands for a NUL is the store's own affair.
                if index != 1 { #expect(row.errors.map(\.message) == [errors[index], errors[index]]) }
            }
        },
        LedgerConformance("a long error is cut at its limit, between two characters") { trial in
            let error = String(repeating: "é€😀", count: 1000)
            let job = try await trial.startFresh()

            _ = try await trial.record(job.id, 1, .dead(error: error))

            let kept = try #require(try await trial.row(job.id).errors.first?.message)
            #expect(kept.utf8.count <= Limits.errorBytesMax)
            #expect(kept.utf8.count > Limits.errorBytesMax - 64)
            #expect(error.hasPrefix(kept.prefix(1000)))
        },
        LedgerConformance("the first error and the last nine are kept") { trial in
            let job = try await trial.startFresh(maxAttempts: 100)
            for attempt in 1...14 {
                if attempt > 1 { try await trial.start(job.id, UInt64(attempt), attempt: attempt) }
                _ = try await trial.record(job.id, attempt, .retry(after: .zero, error: "error \(attempt)"))
            }

            let errors = try await trial.row(job.id).errors

            #expect(errors.map(\.attempt) == [1] + Array(6...14))
            #expect(errors.map(\.message) == ([1] + Array(6...14)).map { "error \($0)" })
        },
    ]
}
