// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

/// What is done is not done again.
@Suite("Steps", .serialized) struct StepTests {
    private struct Receipt: Codable, Sendable, Equatable {
        var reference: String
        var cents: Int
    }

    @Test func `a retry gets what the run before remembered`() async throws {
        var fixture = WorkerFixture()
        let charges = Mutex(0)
        let seen = Mutex<[Receipt]>([])
        fixture.handlers.register(Count.self) { job, context in
            let receipt = try await context.step("charge") {
                charges.withLock { $0 += 1 }
                return Receipt(reference: context.idempotencyKey(for: "charge"), cents: 1250)
            }
            seen.withLock { $0.append(receipt) }
            try await context.step("tell") { _ = receipt }
            if context.attempt < 3 { throw Oops(description: "after the charge") }
            return Count.Output(next: 1)
        }
        let id = try await fixture.submitter.submit(Count())

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .completed) }

        #expect(charges.withLock(\.self) == 1)
        #expect(seen.withLock(\.self) == Array(repeating: Receipt(reference: "\(id)/charge", cents: 1250), count: 3))
        #expect(try await fixture.ledger.steps(of: id).map(\.name) == ["charge", "tell"])
        #expect(try await fixture.ledger.steps(of: id).map(\.attempt) == [1, 1])
    }

    @Test func `a step that fails is not remembered`() async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, context in
            let number = try await context.step("try") {
                let run = runs.withLock { runs in
                    runs += 1
                    return runs
                }
                guard run > 1 else { throw Oops(description: "not yet") }
                return run
            }
            return Count.Output(next: number)
        }
        let id = try await fixture.submitter.submit(Count())

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .completed) }

        #expect(try await fixture.job(id).result == Array(#"{"next":2}"#.utf8))
        #expect(try await fixture.job(id).failures == 1)
    }

    @Test func `a ledger that is away is waited for, and costs the job nothing`() async throws {
        var fixture = WorkerFixture()
        let ledger = fixture.ledger
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, context in
            let number = try await context.step("charge") {
                ledger.fail(.recordStep, times: 3, .afterEffect, with: LedgerError(.outcomeUnknown, "cut off"))
                return runs.withLock { runs in
                    runs += 1
                    return runs
                }
            }
            return Count.Output(next: number)
        }
        let id = try await fixture.submitter.submit(Count())

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .completed) }

        #expect(runs.withLock(\.self) == 1)
        let job = try await fixture.job(id)
        #expect([job.attempt, job.failures] == [1, 0])
    }

    @Test func `a run that was fenced off writes no step and no outcome`() async throws {
        var fixture = WorkerFixture()
        let ledger = fixture.ledger
        fixture.handlers.register(Count.self) { job, context in
            try await context.step("charge") { _ = try await ledger.cancel(context.id) }
            return Count.Output(next: 1)
        }
        let id = try await fixture.submitter.submit(Count())

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .cancelled) }

        #expect(try await fixture.ledger.steps(of: id).isEmpty)
        #expect(try await fixture.job(id).state == .cancelled)
    }

    @Test(arguments: [
        ("", "name invalid"), ("Charge card", "name invalid"), ("twice", "name reused"), ("many", "too many steps"),
    ])
    func `a wrong use says what is wrong`(name: String, code: String) async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, context in
            if name == "many" {
                for number in 0..<Limits.stepsMax { try await context.step("step-\(number)") {} }
            }
            for _ in 0..<2 { try await context.step(name) {} }
            return Count.Output(next: 1)
        }
        let id = try await fixture.submitter.submit(Count(), EnqueueOptions(maxAttempts: 1))

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .dead) }

        let error = try await fixture.job(id).errors.last?.message
        #expect(error?.hasPrefix("step: \(code): \"\(name)\"") == true, "\(error ?? "none")")
    }

    @Test func `a result of another type is refused, and not done again`() async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, context in
            if context.attempt == 1 {
                try await context.step("charge") {}
                throw Oops(description: "again")
            }
            _ = try await context.step("charge") {
                runs.withLock { $0 += 1 }
                return 5
            }
            return Count.Output(next: 1)
        }
        let id = try await fixture.submitter.submit(Count(), EnqueueOptions(maxAttempts: 2))

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .dead) }

        #expect(runs.withLock(\.self) == 0)
        #expect(try await fixture.job(id).errors.last?.message.contains("result unreadable") == true)
    }

    @Test func `a result that is too long to remember ends the job`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, context in
            _ = try await context.step("charge") { String(repeating: "x", count: Limits.stepBytesMax) }
            return Count.Output(next: 1)
        }
        let id = try await fixture.submitter.submit(Count())

        try await fixture.whileWorking { _ in try await fixture.expect(id, toBecome: .dead) }

        #expect(try await fixture.job(id).errors.last?.message.contains("at most 16384 can be remembered") == true)
    }
}
