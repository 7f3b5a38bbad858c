// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceCLI

/// `millrace top` where no terminal is watching.
@Suite("Top without a terminal", .timeLimit(.minutes(1)))
struct TopCommandTests {
    private func fixture() async throws -> CommandFixture {
        let fixture = CommandFixture()
        try await fixture.accept(
            NewJob(id: try CommandFixture.id(1), kind: "a", queue: "photos", payload: Array("{}".utf8)))
        fixture.clock.advance(by: .seconds(90))
        return fixture
    }

    /// Ends the command after so many pauses.
    private func ending(after pauses: Int, _ step: @escaping @Sendable (Int) async throws -> Void)
        -> @Sendable () async throws -> Void
    {
        let seen = Atomic<Int>(0)
        return {
            let number = seen.add(1, ordering: .relaxed).newValue
            try await step(number)
            if number >= pauses { throw CommandError(.outputClosed, "") }
        }
    }

    @Test func `one line a queue`() async throws {
        let outcome = await (try await fixture()).run("top", "--once")

        #expect(
            outcome
                == CommandFixture.Outcome(
                    code: 0,
                    output: "2026-01-01T00:01:30.000Z queue=photos ready=1 running=0 scheduled=0 quarantined=0 "
                        + "unpushed=0 oldest=90s completed/s=- dead/s=- dead/h=0 paused=false\n", notes: []))
    }

    @Test func `one JSON text a line`() async throws {
        let outcome = await (try await fixture()).run("top", "--once", "--output", "jsonl")

        #expect(
            outcome.output == #"{"at":"2026-01-01T00:01:30.000Z","name":"photos","paused":false,"ready":1,"#
                + #""ready_by_priority":{"critical":0,"high":0,"normal":1,"low":0},"scheduled":0,"running":0,"#
                + #""quarantined":0,"unpushed":0,"unpushed_exact":true,"workers":0,"#
                + #""oldest_ready_age":"1m30s","completed_last_hour":0,"completed_last_day":0,"#
                + #""dead_last_hour":0,"dead_last_day":0,"completed_per_second":null,"dead_per_second":null}"# + "\n")
    }

    @Test func `rates come with the second reading`() async throws {
        var fixture = try await fixture()
        let other = fixture
        fixture.onPause = ending(after: 2) { _ in
            for job in try await other.start(1, in: "photos") { try await other.end(job, .completed(Array("1".utf8))) }
            other.clock.advance(by: .seconds(2))
        }

        let outcome = await fixture.run("top")

        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines.last?.contains(
                "ready=0 running=0 scheduled=0 quarantined=0 unpushed=0 oldest=- completed/s=0.5 dead/s=0") == true)
    }

    @Test func `a store that is away is a remark, and old figures are not written as new ones`() async throws {
        var fixture = try await fixture()
        let other = fixture
        fixture.onPause = ending(after: 3) { number in
            if number == 1 { other.broker.takeAway() } else { other.broker.bringBack() }
            other.clock.advance(by: .seconds(1))
        }

        let outcome = await fixture.run("top")

        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").count == 2)
        #expect(outcome.notes == ["millrace: Redis: taken away"])
    }

    @Test func `once with a store away has its code`() async throws {
        let fixture = try await fixture()
        fixture.ledger.takeAway()

        let outcome = await fixture.run("top", "--once")

        #expect(outcome == CommandFixture.Outcome(code: 69, output: "", notes: ["millrace: PostgreSQL: taken away"]))
    }

    @Test func `a store that was away keeps its last figures`() async throws {
        let fixture = try await fixture()
        let stores = fixture.stores
        var reader = MillReader(stores, now: { fixture.clock.timestamp })

        let well = try await reader.read()
        fixture.broker.takeAway()
        fixture.clock.advance(by: .seconds(5))
        let away = try await reader.read()

        #expect(well.faults == [])
        #expect(away.queues.map(\.row.status.readyCount) == [1])
        #expect(away.faults == [MillReading.Fault(message: "Redis: taken away", lastAnswer: well.at)])
    }

    @Test(arguments: [
        (["top", "--interval", "10ms"], "--interval: expected whole numbers with a unit"),
        (["top", "--interval", "2h"], "from 200ms to 1h"), (["top", "--output", "json"], "expected table or jsonl"),
        (["top", "--frobnicate"], "Unknown option"),
    ])
    func `what is wrong with a command line is said`(arguments: [String], expected: String) async {
        let outcome = await CommandFixture().run(arguments)

        #expect(outcome.code == 2)
        #expect(outcome.notes.joined(separator: "\n").contains(expected), "\(outcome.notes)")
    }
}
