// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceCLI

/// The listings' whole output, as people and programs get it.
@Suite("Listings")
struct ListingTests {
    /// Two queues: in `photos` one job running, one dead and one that waits, in `default` one that is due in two
    /// minutes.
    private func fixture() async throws -> CommandFixture {
        let fixture = CommandFixture()
        let id = CommandFixture.id
        try await fixture.accept(
            NewJob(
                id: try id(1), kind: "photos.store", queue: "photos", payload: Array(#"{"n": 1.50}"#.utf8),
                maxAttempts: 1),
            NewJob(id: try id(2), kind: "photos.store", queue: "photos", priority: .high, payload: Array("{}".utf8)),
            NewJob(id: try id(3), kind: "photos.store", queue: "photos", priority: .low, payload: Array("{}".utf8)))
        try await fixture.accept(
            NewJob(
                id: try id(4), kind: "email.send", payload: Array("{}".utf8),
                dueAt: fixture.clock.timestamp + .seconds(120), tags: ["a", "b"]))
        let started = try await fixture.start(2, in: "photos")
        try await fixture.end(
            try #require(started.first { $0.lease.id.description.hasSuffix("1") }), .dead(error: "no\u{1b}[31m\nspace"))
        fixture.clock.advance(by: .seconds(90))
        return fixture
    }

    @Test func `queues as a table`() async throws {
        let outcome = await (try await fixture()).run("queues")

        #expect(outcome.code == 0)
        #expect(
            outcome.notes == [
                "no live worker process takes jobs from photos, where 1 wait: put it into a pool of workers.yml, or run "
                    + "millrace work --queues photos"
            ])
        #expect(
            outcome.output == """
                QUEUE    STATE   READY  RUNNING  SCHEDULED  UNPUSHED  WORKERS  OLDEST  DONE/H  DONE/D  DEAD/H  DEAD/D
                default  active      0        0          1         0        0       -       0       0       0       0
                photos   active      1        1          0         0        0     90s       0       0       1       1

                """)
    }

    @Test func `queues as JSON`() async throws {
        let outcome = await (try await fixture()).run(
            "queues", "list", "--output", "json", "--limit", "1", "--cursor", "default")

        #expect(
            outcome.output == #"{"queues":[{"name":"photos","paused":false,"ready":1,"#
                + #""ready_by_priority":{"critical":0,"high":0,"normal":0,"low":1},"scheduled":0,"running":1,"#
                + #""quarantined":0,"unpushed":0,"unpushed_exact":true,"workers":0,"#
                + #""oldest_ready_age":"1m30s","completed_last_hour":0,"completed_last_day":0,"dead_last_hour":1,"#
                + #""dead_last_day":1}],"next":null}"# + "\n")
    }

    @Test func `jobs as a table, newest first, page by page`() async throws {
        let fixture = try await fixture()

        let first = await fixture.run("jobs", "--limit", "3")
        let second = await fixture.run("jobs", "list", "--cursor", "019b76da-a800-7000-8000-000000000002")

        let expected = """
            ID                                    STATE      QUEUE    KIND          PRIORITY  ATTEMPT  FAILURES  WHEN
            019b76da-a800-7000-8000-000000000004  scheduled  default  email.send    normal          0      0/20  in 30s
            019b76da-a800-7000-8000-000000000003  ready      photos   photos.store  low             0      0/20  for 90s
            019b76da-a800-7000-8000-000000000002  running    photos   photos.store  high            1      0/20  for 90s

            """
        #expect(first.output == expected)
        #expect(first.notes == ["more with --cursor 019b76da-a800-7000-8000-000000000002"])
        #expect(
            second.output == """
                ID                                    STATE  QUEUE   KIND          PRIORITY  ATTEMPT  FAILURES  WHEN
                019b76da-a800-7000-8000-000000000001  dead   photos  photos.store  normal          1       1/1  90s ago

                """)
        #expect(second.notes == [])
    }

    @Test func `jobs as lines of JSON`() async throws {
        let outcome = await (try await fixture()).run("jobs", "--state", "scheduled", "-o", "jsonl")

        #expect(
            outcome.output == #"{"id":"019b76da-a800-7000-8000-000000000004","queue":"default","kind":"email.send","#
                + #""state":"scheduled","priority":"normal","attempt":0,"failures":0,"crashes":0,"quarantined":false,"max_attempts":20,"#
                + #""timeout":"10m","tags":["a","b"],"created_at":"2026-01-01T00:00:00.000Z","#
                + #""due_at":"2026-01-01T00:02:00.000Z","expires_at":null,"started_at":null,"finished_at":null,"#
                + #""worker":null}"#
                + "\n")
    }

    @Test func `one job as a list of facts, which cannot steer the terminal`() async throws {
        let outcome = await (try await fixture()).run("jobs", "show", "019b76da-a800-7000-8000-000000000001")

        #expect(
            outcome.output == """
                ID           019b76da-a800-7000-8000-000000000001
                STATE        dead
                WHEN         90s ago
                QUEUE        photos
                KIND         photos.store
                PRIORITY     normal
                ATTEMPT      1
                FAILURES     1 of 1
                CRASHES      0
                QUARANTINED  no
                TIME-OUT     10m
                TAGS         -
                CREATED      2026-01-01T00:00:00.000Z
                DUE          2026-01-01T00:00:00.000Z
                EXPIRES      -
                STARTED      2026-01-01T00:00:00.000Z
                FINISHED     2026-01-01T00:00:00.000Z
                WORKER       000000000000f00d
                PAYLOAD      {"n": 1.50}
                RESULT       -
                STEPS        -
                ERRORS       2026-01-01T00:00:00.000Z attempt 1: no\\u{1b}[31m
                               space

                """)
    }

    @Test func `steps of a job are listed with their time, attempt and size`() async throws {
        let fixture = try await fixture()
        let id = try CommandFixture.id(2)
        for (name, result) in [("charge", #"{"reference":"r-7"}"#), ("tell", "null")] {
            _ = try await fixture.ledger.recordStep(name, result: Array(result.utf8), of: id, attempt: 1)
        }

        let table = await fixture.run("jobs", "show", "\(id)")
        let json = await fixture.run("jobs", "show", "\(id)", "--output", "json")

        #expect(
            table.output.contains(
                """
                STEPS        2026-01-01T00:01:30.000Z attempt 1: charge, 19 bytes
                             2026-01-01T00:01:30.000Z attempt 1: tell, 4 bytes
                """), "\(table.output)")
        #expect(
            json.output.contains(
                #""steps":[{"name":"charge","attempt":1,"at":"2026-01-01T00:01:30.000Z","result_bytes":19},"#),
            "\(json.output)")
    }

    @Test func `one job as JSON keeps its payload's bytes`() async throws {
        let outcome = await (try await fixture())
            .run("jobs", "show", "019b76da-a800-7000-8000-000000000001", "--output", "json")

        #expect(outcome.output.contains(#""payload":{"n": 1.50},"result":null,"errors":[{"attempt":1,"#))
        #expect(outcome.output.hasSuffix("}],\"steps\":[]}\n"))
    }

    @Test func `workers as a table and as JSON`() async throws {
        let fixture = CommandFixture()
        try await fixture.broker.report(
            WorkerReport(
                process: "000000000000f00d", pid: 4711, host: "mill-1", pool: "photos", queues: ["photos", "default"],
                concurrency: 10, running: 3,
                startedAtUnixMilliseconds: fixture.clock.timestamp.unixMilliseconds - 7_200_000,
                isDraining: true, stuck: 1,
                longest: [.init(id: "a", kind: "b", queue: "c", attempt: 2, ranMilliseconds: 1500)]))

        let table = await fixture.run("workers")
        let json = await fixture.run("workers", "list", "-o", "json")

        #expect(
            table.output == """
                PROCESS           POOL    HOST     PID  STATE     SLOTS  RUNNING  STUCK  UP  QUEUES
                000000000000f00d  photos  mill-1  4711  draining     10        3      1  2h  photos,default

                """)
        #expect(
            json.output == #"{"workers":[{"process":"000000000000f00d","pid":4711,"host":"mill-1","pool":"photos","#
                + #""queues":["photos","default"],"kinds":null,"concurrency":10,"running":3,"#
                + #""started_at":"2025-12-31T22:00:00.000Z","#
                + #""draining":true,"stuck":1,"quarantine":false,"reported_ago":"0s","longest_running":[{"id":"a","kind":"b","queue":"c","#
                + #""attempt":2,"ran":"1s500ms"}]}],"next":null}"# + "\n")
    }

    @Test(arguments: [("queues", "no queues"), ("jobs", "no jobs"), ("workers", "no workers")])
    func `nothing to list is a remark for people and nothing but an empty list for programs`(
        command: String, note: String
    ) async {
        #expect(await CommandFixture().run(command) == CommandFixture.Outcome(code: 0, output: "", notes: [note]))
        let json = await CommandFixture().run(command, "--output", "json")
        #expect(json == CommandFixture.Outcome(code: 0, output: "{\"\(command)\":[],\"next\":null}\n", notes: []))
        let lines = await CommandFixture().run(command, "--output", "jsonl")
        #expect(lines == CommandFixture.Outcome(code: 0, output: "", notes: []))
    }

    @Test func `colours are for terminals`() async throws {
        var fixture = try await fixture()
        fixture.usesColor = true

        let outcome = await fixture.run("queues")

        #expect(outcome.output.hasPrefix("\u{1b}[1mQUEUE "))
        #expect(outcome.output.contains("DEAD/D\u{1b}[0m\ndefault "))
    }

    @Test func `watching shows it again and again, and outlives an outage`() async throws {
        var fixture = CommandFixture()
        let (ledger, pauses) = (fixture.ledger, Pauses())
        try await fixture.accept(NewJob(id: try CommandFixture.id(1), kind: "a", payload: Array("{}".utf8)))
        fixture.onPause = {
            switch pauses.next() {
            case 1: ledger.takeAway()
            case 2: ledger.bringBack()
            default: throw CancellationError()
            }
        }
        fixture.isTerminal = true

        let outcome = await fixture.run("jobs", "--watch")

        let screens = outcome.output.split(separator: "\u{1b}[H\u{1b}[2J", omittingEmptySubsequences: false).dropFirst()
        #expect(screens.count == 2)
        #expect(outcome.notes.first == "millrace: PostgreSQL: taken away")
    }

    private final class Pauses: Sendable {
        private let count = Atomic<Int>(0)

        func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    }
}
