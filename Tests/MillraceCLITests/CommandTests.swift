// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceCLI

@Suite("Commands", .timeLimit(.minutes(1)))
struct CommandTests {
    private struct Greet: Job {
        static let kind: JobKind = "hello.greet"
        static var defaults: JobOptions {
            JobOptions(queue: "hello", priority: .high, maxAttempts: 3, timeout: .seconds(5))
        }
        var name: String
    }

    private func fixture() -> CommandFixture {
        var fixture = CommandFixture()
        fixture.handlers.register(Greet.self) { _, _ in NoOutput() }
        return fixture
    }

    private func only(_ fixture: CommandFixture) async throws -> JobRecord {
        let id = try #require(try await fixture.ledger.list(JobQuery()).jobs.first?.id)
        return try #require(try await fixture.ledger.jobs([id])[id])
    }

    // MARK: - The command line

    @Test(arguments: [["queues", "list"], ["--help"], ["work"]])
    func `a failpoint that nobody knows is an error in every command`(arguments: [String]) async {
        var fixture = CommandFixture()
        fixture.environment["MILLRACE_FAILPOINTS"] = "reclaimd:kill"

        let outcome = await fixture.run(arguments)

        #expect(outcome.code == 2)
        #expect(outcome.output == "")
        #expect(
            outcome.notes.count == 1 && outcome.notes[0].contains("MILLRACE_FAILPOINTS: reclaimd:kill is no failpoint"))
    }

    @Test func `help goes to standard output`() async {
        let outcome = await CommandFixture().run("--help")

        #expect(outcome.code == 0)
        #expect(outcome.output.contains("SUBCOMMANDS:"))
        #expect(outcome.notes == [])
    }

    @Test(arguments: [
        (["sacle"], "unknown command sacle, did you mean scale?"),
        (["frobnicate"], "unknown command frobnicate, see millrace --help"),
        (["jobs", "cancle", "x"], "unknown command cancle, did you mean cancel?"),
        (["queues", "frobnicate"], "unknown command frobnicate, see millrace queues --help"),
        (["jobs", "--frobnicate"], "millrace: Unknown option '--frobnicate'"),
        (["jobs", "--limit", "0"], "--limit: expected 1 to 500, found 0"), (["jobs", "--limit", "x"], "--limit"),
        (["jobs", "--state", "lost"], "--state: expected one of scheduled"),
        (["jobs", "--cursor", "x"], "--cursor: expected a job's id"),
        (["jobs", "show", "7"], "id: expected a job's id"),
        (["queues", "show", "A"], "queue: a queue's name is 1 to 64 characters of [a-z0-9._-], found A"),
        (["jobs", "--output", "xml"], "expected table, json or jsonl"),
        (["scale", "photos"], "expected POOL=N or POOL=file"),
        (["scale", "default=129"], "default: expected 0 to 128, or file, found 129"),
        (["scale"], "Missing expected argument"),
        (["serve", "--port", "0"], "--port: expected 1 to 65535, found 0"),
        (["work", "--concurrency", "1001"], "--concurrency: expected 1 to 1000"),
        (["work", "--pool", "x", "--config", "/nowhere.yml"], "/nowhere.yml: cannot be read: there is no such file"),
        (["up", "--log-level", "loud"], "expected one of trace, debug"),
        (["bench", "--jobs", "99"], "--jobs: expected 100 to 1000000, found 99"),
        (["bench", "--batch", "501"], "--batch: expected 1 to 500, found 501"),
        (["bench", "--payload-bytes", "1"], "--payload-bytes: expected 2 to 262144, found 1"),
        (["bench", "--runs", "0"], "--runs: expected 1 to 99, found 0"),
        (
            ["bench", "--jobs", "1000000", "--payload-bytes", "2000"],
            "would take 2098 MiB of Redis's memory, at most 1024"
        ),
        (["keys", "create", "shop"], "--scope: expected at least one of submit, read, read:payload, operate, admin"),
        (["keys", "create", "shop", "--scope", "write"], "--scope: expected one of submit, read, read:payload"),
        (["keys", "create", "", "--scope", "read"], "name: expected 1 to 64 bytes"),
        (["keys", "create", "shop", "--scope", "read", "--queue", "A"], "--queue: a queue's name is"),
        (["keys", "create", "shop", "--scope", "admin", "--queue", "a"], "--queue: admin is for all queues"),
        (["keys", "create", "shop", "--scope", "read", "--expires", "1s"], "--expires: expected whole numbers"),
        (["keys", "create", "shop", "--scope", "read", "--rate", "0"], "--rate: expected 1 to 1000000, found 0"),
        (["keys", "revoke", "7"], "id: expected a key's id, 8 characters of [a-z0-9]"),
        (["enqueue", "hello.greet", "{"], "payload: no JSON"),
        (["enqueue", "hello.greet", "{}"], "payload/name: the member \"name\" is missing"),
        (
            ["enqueue", "hello.greet", "{\"name\":\"a\"}", "--priority", "urgent"],
            "--priority: expected one of critical, high"
        ),
        (
            ["enqueue", "hello.greet", "{\"name\":\"a\"}", "--delay", "1s", "--run-at", "x"],
            "--delay and --run-at exclude"
        ),
        (
            ["enqueue", "hello.greet", "{\"name\":\"a\"}", "--run-at", "tomorrow"],
            "--run-at: expected a time such as 2026-01-01T"
        ),
        (
            ["enqueue", "hello.greet", "{\"name\":\"a\"}", "--delay", "5"],
            "--delay: expected whole numbers with a unit"
        ),
        (
            ["enqueue", "hello.greet", "{\"name\":\"a\"}", "--max-attempts", "0"],
            "--max-attempts: expected 1 to 1000, found 0"
        ),
    ])
    func `what is wrong with a command line is said, and nothing is done`(arguments: [String], expected: String)
        async throws
    {
        let fixture = fixture()

        let outcome = await fixture.run(arguments)

        #expect(outcome.code == 2)
        #expect(outcome.output == "")
        #expect(outcome.notes.joined(separator: "\n").contains(expected), "\(outcome.notes)")
        #expect(try await fixture.ledger.list(JobQuery()).jobs.isEmpty)
    }

    @Test func `the program is called by the name that it was started by`() async {
        await Program.$name.withValue("hello") {
            let fixture = CommandFixture()
            let help = await fixture.run("--help")
            let version = await fixture.run("--version")
            let fault = await fixture.run("jobs", "show", "7")
            let wrong = await fixture.run("sacle")

            #expect(help.output.contains("USAGE: hello <subcommand>") && !help.output.contains("millrace <"))
            #expect(version.output == "hello, on Millrace \(MillraceVersion.current)\n")
            #expect(fault.notes.first?.hasPrefix("hello: id: expected") == true, "\(fault.notes)")
            #expect(wrong.notes == ["hello: unknown command sacle, did you mean scale?"])
        }
        #expect(await CommandFixture().run("--version").output == "\(MillraceVersion.current)\n")
        #expect(Program.name(path: "/opt/bin/hello") == "hello")
        #expect(Program.name(path: "") == nil)
    }

    // MARK: - enqueue

    @Test func `a job is submitted with its kind's defaults, and its id is the output`() async throws {
        let fixture = fixture()

        let outcome = await fixture.run("enqueue", "hello.greet", #"{"name": "Ada", "n": 1.50}"#)

        let job = try await only(fixture)
        #expect(outcome == CommandFixture.Outcome(code: 0, output: "\(job.id)\n", notes: []))
        #expect(String(decoding: job.payload, as: UTF8.self) == #"{"name": "Ada", "n": 1.50}"#)
        #expect((job.queue, job.priority) == ("hello", .high))
        #expect((job.maxAttempts, job.timeout) == (3, .seconds(5)))
        #expect(try await fixture.broker.knows([job.id], in: "hello") == [true])
    }

    @Test func `options beat the kind's defaults`() async throws {
        let fixture = fixture()

        let outcome = await fixture.run(
            "enqueue", "hello.greet", #"{"name":"Ada"}"#, "--queue", "other", "--priority", "low", "--delay", "1m30s",
            "--timeout", "1h", "--max-attempts", "7", "--tag", "a", "--tag", "b", "--output", "json")

        let job = try await only(fixture)
        #expect(outcome.output == "{\"id\":\"\(job.id)\"}\n")
        #expect((job.queue, job.priority, job.state) == ("other", .low, .scheduled))
        #expect(job.dueAt == fixture.clock.timestamp + .seconds(90))
        #expect((job.timeout, job.maxAttempts, job.tags) == (.seconds(3600), 7, ["a", "b"]))
    }

    @Test func `a payload comes from standard input`() async throws {
        var fixture = fixture()
        fixture.input = "  {\"name\": \"Ada\"}\n"

        #expect(await fixture.run("enqueue", "hello.greet", "-").code == 0)
        #expect(try await only(fixture).payload == Array("{\"name\": \"Ada\"}".utf8))
    }

    @Test func `a payload that is too large is refused`() async {
        var fixture = fixture()
        fixture.input = "\"" + String(repeating: "x", count: Limits.payloadBytesMax) + "\""

        let outcome = await fixture.run("enqueue", "hello.greet", "-")

        #expect(outcome == CommandFixture.Outcome(code: 2, output: "", notes: ["millrace: payload: over 262144 bytes"]))
    }

    @Test func `a kind that this program does not know needs a word`() async throws {
        let fixture = fixture()

        let refused = await fixture.run("enqueue", "hello.great", "{}")
        let taken = await fixture.run("enqueue", "email.send", #"{"to": 1}"#, "--unchecked")

        #expect(refused.code == 3)
        #expect(refused.notes == ["millrace: this program knows no kind hello.great, did you mean hello.greet?"])
        #expect(taken.code == 0)
        #expect(try await only(fixture).kind == "email.send")
    }

    @Test(arguments: [
        (Millrace.Outcome.Ending.completed(Array(#"{"ok": 1.0}"#.utf8)), 0 as Int32, "{\"ok\": 1.0}\n", nil),
        (.dead(error: "no luck"), 1, "", "is dead: no luck"),
    ])
    func `waiting ends with the job`(
        ending: Millrace.Outcome.Ending, code: Int32, output: String, note: String?
    ) async throws {
        var fixture = fixture()
        let worker = fixture
        let hasRun = Mutex(false)
        fixture.onPause = {
            let isFirst = hasRun.withLock { hasRun in
                defer { hasRun = true }
                return !hasRun
            }
            guard isFirst else { return await Task.yield() }
            for job in try await worker.start(1, in: "hello") { try await worker.end(job, ending) }
        }

        let outcome = await fixture.run("enqueue", "hello.greet", #"{"name":"Ada"}"#, "--wait", "30s")

        #expect(outcome.code == code)
        #expect(outcome.output == output)
        #expect(outcome.notes.first?.hasSuffix("is accepted") == true)
        #expect(outcome.notes.count == (note == nil ? 1 : 2))
        if let note { #expect(outcome.notes.last?.hasSuffix(note) == true) }
    }

    @Test func `waiting has an end`() async throws {
        var fixture = fixture()
        fixture.onPause = {}

        let outcome = await fixture.run("enqueue", "hello.greet", #"{"name":"Ada"}"#, "--wait", "10ms")

        #expect(outcome.code == 124)
        #expect(outcome.notes.last?.hasSuffix("has not ended within 10ms") == true)
    }

    // MARK: - jobs

    @Test func `jobs are cancelled, and what cannot be is said`() async throws {
        let fixture = fixture()
        let (first, second) = (try CommandFixture.id(1), try CommandFixture.id(2))
        try await fixture.accept(NewJob(id: first, kind: "a", payload: Array("{}".utf8)))
        try await fixture.accept(NewJob(id: second, kind: "a", payload: Array("{}".utf8)))
        try await fixture.end(
            try #require(try await fixture.start(1, in: .default).first), .completed(Array("{}".utf8)))

        let outcome = await fixture.run("jobs", "cancel", "\(first)", "\(second)", "\(try CommandFixture.id(3))")

        #expect(outcome.code == 3)
        #expect(
            outcome.notes == [
                "\(second) is cancelled", "millrace: \(first) is completed and can be cancelled no more",
                "millrace: there is no job \(try CommandFixture.id(3)), or it is older than what is kept",
            ])
        #expect(try await fixture.ledger.jobs([second])[second]?.state == .cancelled)
        #expect(try await fixture.broker.status(of: [.default]).map(\.readyCount) == [0])
    }

    @Test func `a job of durability redis is shown, explained and cancelled before it has a row`() async throws {
        let fixture = fixture()
        let id = try CommandFixture.id(1)
        let job = NewJob(id: id, kind: "a", payload: Array("{}".utf8), durability: .redis)
        _ = try await fixture.broker.enqueue(
            [QueuedJob(id: id, priority: .normal, delay: .zero, envelope: JobEnvelope(of: job))], into: .default)

        let shown = await fixture.run("jobs", "show", "\(id)")
        #expect(shown.code == 0)
        #expect(shown.output.contains("ready"))
        #expect(await fixture.run("why", "\(id)").output.hasPrefix("ready: "))
        #expect(await fixture.run("jobs", "retry", "\(id)").code == 4)
        let cancelled = await fixture.run("jobs", "cancel", "\(id)")

        #expect(cancelled.code == 0)
        #expect(cancelled.notes == ["\(id) is cancelled"])
        #expect(try await fixture.ledger.jobs([id])[id]?.state == .cancelled)
        #expect(try await fixture.broker.status(of: [.default]).map(\.readyCount) == [0])
    }

    @Test func `a job that has ended is run again, another is not`() async throws {
        let fixture = fixture()
        let id = try CommandFixture.id(1)
        try await fixture.accept(NewJob(id: id, kind: "a", payload: Array("{}".utf8)))

        #expect(await fixture.run("jobs", "retry", "\(id)").code == 4)
        try await fixture.end(try #require(try await fixture.start(1, in: .default).first), .dead(error: "no"))
        let outcome = await fixture.run("jobs", "retry", "\(id)")

        #expect(outcome == CommandFixture.Outcome(code: 0, output: "", notes: ["\(id) is ready"]))
        #expect(try await fixture.ledger.flagged(limit: 1).first?.id == id)
    }

    // MARK: - queues

    @Test func `a queue is paused and resumed in both stores`() async throws {
        let fixture = fixture()
        try await fixture.accept(NewJob(id: try CommandFixture.id(1), kind: "a", payload: Array("{}".utf8)))

        let paused = await fixture.run("queues", "pause", "default")

        #expect(paused == CommandFixture.Outcome(code: 0, output: "", notes: ["default is paused"]))
        #expect(try await fixture.ledger.queues().map(\.isPaused) == [true])
        #expect(try await fixture.broker.status(of: [.default]).map(\.isPaused) == [true])
        #expect(await fixture.run("queues", "resume", "default").code == 0)
        #expect(try await fixture.ledger.queues().map(\.isPaused) == [false])
        #expect(try await fixture.broker.status(of: [.default]).map(\.isPaused) == [false])
    }

    @Test func `a queue that is not there is not made`() async throws {
        let fixture = fixture()
        try await fixture.ledger.ensureQueue("photos")

        for verb in ["show", "pause", "resume"] {
            let outcome = await fixture.run("queues", verb, "photo")
            #expect(outcome.code == 3)
            #expect(outcome.notes == ["millrace: there is no queue photo, did you mean photos?"])
        }
        #expect(try await fixture.ledger.queues().count == 1)
    }

    @Test func `a pause that only the ledger heard of is said so`() async throws {
        let fixture = fixture()
        try await fixture.ledger.ensureQueue("photos")
        fixture.broker.takeAway()

        let outcome = await fixture.run("queues", "pause", "photos")

        #expect(outcome.code == 69)
        #expect(
            outcome.notes == ["millrace: photos is paused in PostgreSQL, but Redis was not told; repeat it: taken away"]
        )
    }

    // MARK: - scale

    @Test func `a count is set, and given back to the file`() async throws {
        let fixture = fixture()
        try await fixture.report(pool: "photos", queues: ["photos"])
        try await fixture.ledger.setPoolCount(3, pool: "email")

        #expect(await fixture.run("scale", "photos=4", "email=0").code == 0)
        #expect(try await fixture.ledger.poolCounts() == ["photos": 4, "email": 0])
        #expect(await fixture.run("scale", "photos=file").code == 0)
        #expect(try await fixture.ledger.poolCounts() == ["email": 0])
    }

    @Test func `without a file, only pools that live or were scaled are known`() async throws {
        let fixture = fixture()
        let none = await fixture.run("scale", "photos=4")
        try await fixture.report(pool: "photos", queues: ["photos"])
        try await fixture.ledger.setPoolCount(3, pool: "email")

        let unknown = await fixture.run("scale", "photos=4", "backups=1")
        let misspelt = await fixture.run("scale", "photo=4")

        #expect(none.code == 3)
        #expect(none.notes.first?.hasSuffix("to name more, there are none") == true, "\(none.notes)")
        #expect(unknown.code == 3)
        #expect(unknown.notes.first?.contains("there is no pool backups") == true, "\(unknown.notes)")
        #expect(unknown.notes.first?.hasSuffix("there are email, photos") == true, "\(unknown.notes)")
        #expect(misspelt.notes.first?.hasSuffix("did you mean photos?") == true, "\(misspelt.notes)")
        #expect(try await fixture.ledger.poolCounts() == ["email": 3])
    }

    @Test func `with a file, pools and connections are checked`() async throws {
        var fixture = fixture()
        fixture.connectionsAllowed = 101
        let file = try TemporaryFile("pools: {photos: {queues: [photos], database_connections: 20}}")

        let unknown = await fixture.run("scale", "photo=4", "--config", file.path)
        let tooMany = await fixture.run("scale", "photos=5", "--config", file.path)
        let enough = await fixture.run("scale", "photos=4", "--config", file.path)

        #expect(unknown.code == 3)
        #expect(unknown.notes == ["millrace: there is no pool photo in workers.yml, did you mean photos?"])
        #expect(tooMany.code == 69)
        #expect(tooMany.notes.first?.contains("allows 101 connections, these processes may open 118") == true)
        #expect(enough == CommandFixture.Outcome(code: 0, output: "", notes: ["photos: 4"]))
        #expect(try await fixture.ledger.poolCounts() == ["photos": 4])
    }

    // MARK: - Stores

    @Test func `a store that is away has a code of its own`() async {
        let fixture = fixture()
        fixture.ledger.takeAway()

        let outcome = await fixture.run("jobs")

        #expect(outcome == CommandFixture.Outcome(code: 69, output: "", notes: ["millrace: PostgreSQL: taken away"]))
    }

    @Test func `a database is never guessed at`() {
        #expect(
            throws: CommandError(
                .usage, "DATABASE_URL is not set; expected postgresql://user:password@host:port/database")
        ) {
            try StoreAddresses(environment: ["REDIS_URL": "redis://h"])
        }
        #expect(throws: Never.self) { try StoreAddresses(environment: ["DATABASE_URL": "postgresql://h/d"]) }
    }

    @Test func `limits are shown without stores`() async {
        let fixture = fixture()
        fixture.ledger.takeAway()

        let outcome = await fixture.run("doctor", "--limits")

        #expect(outcome.code == 0)
        #expect(outcome.output.contains("payload or result of a job, bytes                          262144\n"))
    }
}
