// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let stepping: [LedgerConformance] = [
        LedgerConformance("steps are kept byte for byte, in their order") { trial in
            let job = try await trial.startFresh()
            let results = [#" { "b":9007199254740993, "a" : [ ] , "b":2}"#, "null", #""a\u0000b""#].map {
                Array($0.utf8)
            }

            for (index, result) in results.enumerated() {
                #expect(try await trial.step(job.id, "step-\(index)", result) == .recorded)
            }

            let steps = try await trial.ledger.steps(of: job.id)
            #expect(steps.map(\.name) == ["step-0", "step-1", "step-2"])
            #expect(steps.map(\.result) == results)
            #expect(steps.map(\.attempt) == [1, 1, 1])
            let now = try await trial.now()
            #expect(steps.allSatisfy { $0.at.isNear(now) })
            #expect(try await trial.row(job.id).steps == steps.map { RememberedStep($0) })
        },
        LedgerConformance("of two steps with one name the first stands") { trial in
            let job = try await trial.startFresh()

            #expect(try await trial.step(job.id, "charge", [0x31]) == .recorded)
            #expect(try await trial.step(job.id, "charge", [0x32]) == .recorded)

            #expect(try await trial.ledger.steps(of: job.id).map(\.result) == [[0x31]])
        },
        LedgerConformance("a step of an older attempt, or of one that never was, is fenced off") { trial in
            let job = try await trial.startFresh()
            try await trial.start(job.id, 2, attempt: 2)

            for attempt in [0, 1, 3] {
                #expect(try await trial.step(job.id, "charge", [0x31], attempt: attempt) == .fenced)
            }
            #expect(try await trial.step(BrokerTrial.freshID(), "charge", [0x31]) == .fenced)

            #expect(try await trial.ledger.steps(of: job.id).isEmpty)
        },
        LedgerConformance("a step of an attempt that has ended is fenced off") { trial in
            for ending in [Outcome.Ending.release, .snooze(.seconds(60)), LedgerTrial.completed] {
                let job = try await trial.startFresh()
                _ = try await trial.record(job.id, 1, ending)

                #expect(try await trial.step(job.id, "charge", [0x31]) == .fenced)
            }
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)

            #expect(try await trial.step(cancelled.id, "charge", [0x31]) == .fenced)
        },
        LedgerConformance("steps outlive retries, crashes and an operator's retry") { trial in
            let job = try await trial.startFresh(maxAttempts: 1)
            _ = try await trial.step(job.id, "reserve", [0x31])
            try await trial.start(job.id, 2, attempt: 2)
            _ = try await trial.step(job.id, "charge", [0x32], attempt: 2)
            _ = try await trial.record(job.id, 2, .retry(after: .zero, error: "e"))
            _ = try await trial.ledger.reopen(job.id)
            try await trial.start(job.id, 3, attempt: 3)

            #expect(try await trial.step(job.id, "charge", [0x33], attempt: 3) == .recorded)

            let steps = try await trial.ledger.steps(of: job.id)
            #expect(steps.map(\.name) == ["reserve", "charge"])
            #expect(steps.map(\.attempt) == [1, 2])
            #expect(steps.map(\.result) == [[0x31], [0x32]])
        },
        LedgerConformance("an unknown job has no steps") { trial in
            let steps = try await trial.ledger.steps(of: BrokerTrial.freshID())
            #expect(steps.isEmpty)
        },
    ]
}

extension LedgerTrial {
    fileprivate func step(
        _ id: JobID, _ name: String, _ result: [UInt8], attempt: Int = 1
    ) async throws -> StepVerdict {
        try await ledger.recordStep(name, result: result, of: id, attempt: attempt)
    }
}
