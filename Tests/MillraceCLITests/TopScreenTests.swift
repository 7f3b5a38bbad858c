// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

/// The live view's whole screen, as people see it.
@Suite("TopScreen")
struct TopScreenTests {
    private static let now = Timestamp(unixMilliseconds: 1_767_225_600_000)

    private static func queue(
        _ name: QueueName, ready: Int = 0, running: Int = 0, isPaused: Bool = false,
        unpushed: FlaggedCount = FlaggedCount(0),
        rates: RateMeter.Rates = RateMeter.Rates(completed: 0, dead: 0), deadLastHour: Int = 0, oldest: JobID? = nil,
        workers: Int = 1
    ) -> MillReading.Queue {
        MillReading.Queue(
            row: QueueRow(
                status: QueueStatus(
                    queue: name, ready: [.normal: ready], scheduled: 2, running: running, oldestReady: oldest),
                isPaused: isPaused, unpushed: unpushed,
                finished: FinishedCounts(completedLastHour: 7, completedLastDay: 8, deadLastHour: deadLastHour),
                workers: workers), rates: rates)
    }

    private static func worker(_ pool: String?, pid: Int32, running: Int = 1) -> WorkerReport {
        var worker = WorkerReport(
            process: "000000000000f00d", pid: pid, host: "mill-1", pool: pool, queues: ["photos", "default"],
            concurrency: 10, running: running, startedAtUnixMilliseconds: now.unixMilliseconds - 7_200_000,
            isDraining: pid == 4712, stuck: 0,
            longest: [
                WorkerReport.RunningJob(
                    id: "019b76da-a800-7000-8000-00000000000\(pid % 10)", kind: "photos.store", queue: "photos",
                    attempt: 2, ranMilliseconds: Int64(pid) * 10)
            ])
        worker.silence = .seconds(1)
        return worker
    }

    private static func reading(queues: Int = 0) throws -> MillReading {
        let oldest = try #require(JobID("019b76d9-3540-7000-8000-000000000001"))
        var all = [
            queue(
                "photos", ready: 1_234_567, running: 12, rates: RateMeter.Rates(completed: 123.4, dead: 0.04),
                deadLastHour: 3, oldest: oldest), queue("mail", isPaused: true, unpushed: FlaggedCount(40)),
        ]
        all += try (0..<queues).map { queue(try #require(QueueName("queue-\($0)"))) }
        return MillReading(
            at: now, queues: all, workers: [worker("photos", pid: 4711), worker("photos", pid: 4712, running: 11)],
            faults: [])
    }

    private func screen(_ reading: MillReading?, after: Duration = .zero) -> TopScreen {
        TopScreen(reading: reading, now: Self.now + after, hint: "every 1s  q quits", staleAfter: .seconds(3))
    }

    private func text(_ screen: TopScreen, _ columns: Int, _ rows: Int) -> String {
        screen.lines(columns: columns, rows: rows).map { $0.text + "\n" }.joined()
    }

    @Test func `a queue that nobody takes from is an alarm, unless nothing waits in it or it is paused`() {
        let screen = TopScreen(
            reading: MillReading(
                at: Self.now,
                queues: [
                    Self.queue("email", ready: 3, workers: 0), Self.queue("idle", workers: 0),
                    Self.queue("paused", ready: 1, isPaused: true, workers: 0), Self.queue("served", ready: 5),
                ], workers: [], faults: []), now: Self.now, hint: "", staleAfter: .seconds(3))

        let lines = screen.lines(columns: 100, rows: 40)

        #expect(lines.filter { $0.style == .alarm }.map(\.text) == ["! no worker process takes jobs from email"])
        #expect(lines.first { $0.text.hasPrefix("email") }?.text.hasSuffix("no workers") == true)
    }

    @Test func `eighty columns and twenty-four rows`() throws {
        #expect(
            text(screen(try Self.reading()), 80, 24) == """
                millrace top  00:00:00Z                                        every 1s  q quits
                123 completed/s  <0.1 dead/s  1234k ready  12/20 running  4 scheduled  3 dead/h

                QUEUE   READY  RUNNING  SCHED  UNPUSHED  OLDEST  DONE/S  DEAD/S  DEAD/H  STATE
                photos  1234k       12      2         0     94s     123    <0.1       3
                mail        0        0      2        40       -       0       0       0  paused

                POOL     PID  HOST    RUNNING  SEEN  UP  STATE     QUEUES
                photos  4711  mill-1     1/10    1s  2h            photos,default
                photos  4712  mill-1    11/10    1s  2h  draining  photos,default

                LONGEST       FOR  ID                                    ATTEMPT   PID  QUEUE
                photos.store  48s  019b76da-a800-7000-8000-000000000002        2  4712  photos
                photos.store  48s  019b76da-a800-7000-8000-000000000001        2  4711  photos

                """)
    }

    @Test func `a count that went no further says so`() {
        let queues = [
            Self.queue("mail", unpushed: FlaggedCount(100_000, isExact: false)),
            Self.queue("photos", unpushed: FlaggedCount(7)),
        ]
        let reading = MillReading(at: Self.now, queues: queues, workers: [], faults: [])

        let text = text(screen(reading), 120, 24)

        #expect(text.contains("  100k+ unpushed"), "\(text)")
        #expect(text.contains("     100k+  "), "\(text)")
        let lines = TopLines.text(reading)
        #expect(lines.contains(" unpushed=100000+ ") && lines.contains(" unpushed=7 "))
        #expect(TopLines.json(reading).contains(#""unpushed":100000,"unpushed_exact":false,"#))
    }

    @Test func `a small screen leaves columns and rows out, and says how many`() throws {
        #expect(
            text(screen(try Self.reading(queues: 10)), 40, 10) == """
                millrace top  00:00:00Z
                123 completed/s  <0.1 dead/s

                QUEUE    READY  RUNNING  DONE/S  STATE
                photos   1234k       12     123
                … 11 more

                POOL     PID  RUNNING  SEEN  STATE
                photos  4711     1/10    1s
                photos  4712    11/10    1s  draining

                """)
    }

    @Test func `no line is wider and no screen taller than it may be`() throws {
        var reading = try Self.reading(queues: 30)
        reading.faults = [MillReading.Fault(message: String(repeating: "缺 \u{1b}[31m", count: 40), lastAnswer: nil)]
        reading.workers[0].host = String(repeating: "宿", count: 50)
        reading.workers[0].pool = "ev\u{1b}]0;il\u{7}\u{202e}\n\tpool"
        let screen = screen(reading, after: .seconds(10))

        for columns in 1...170 {
            for rows in [1, 2, 3, 4, 5, 8, 10, 13, 24, 60] {
                let lines = screen.lines(columns: columns, rows: rows)
                #expect(lines.count <= rows)
                #expect(lines.allSatisfy { TerminalText.width($0.text) <= columns }, "\(columns) × \(rows)")
                #expect(lines.allSatisfy { EscapedText.withoutControls($0.text) == $0.text }, "\(columns) × \(rows)")
            }
        }
    }

    @Test func `what is away or old is said`() throws {
        var reading = try Self.reading()
        reading.faults = [
            MillReading.Fault(message: "Redis: connection refused", lastAnswer: Self.now - .seconds(30)),
            MillReading.Fault(message: "PostgreSQL: no route to host", lastAnswer: nil),
        ]

        let lines = screen(reading, after: .seconds(5)).lines(columns: 80, rows: 24).filter { $0.style == .alarm }

        #expect(
            lines.map(\.text) == [
                "! figures of 35s ago: Redis: connection refused",
                "! no figures yet: PostgreSQL: no route to host",
                "! no answer for 5s: all figures are as old",
            ])
        #expect(text(screen(nil), 80, 24).hasSuffix("\nwaiting for the stores to answer\n"))
    }

    @Test func `an empty mill is said to be one`() {
        let reading = MillReading(at: Self.now, queues: [], workers: [], faults: [])

        #expect(
            text(screen(reading), 80, 24).contains("\n0 completed/s  0 dead/s  0 ready  0/0 running  0 scheduled"))
        #expect(text(screen(reading), 80, 24).contains("\nno queues\n"))
        #expect(text(screen(reading), 80, 24).contains("\nno worker process gives word\n"))
    }

    @Test(arguments: [
        ("abc", 3), ("é", 1), ("e\u{301}", 1), ("写真", 4), ("👩‍👩‍👧", 2), ("\u{FEFF}", 0), ("가", 2), ("…", 1),
    ])
    func `text is measured in columns`(text: String, width: Int) {
        #expect(TerminalText.width(text) == width)
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("写真屋", 5, "写真…"), ("写真屋", 4, "写…"), ("ab", 1, "…"),
        ("ab", 0, ""),
        ("a\u{1b}[2Jb", 20, "a\\u{1b}[2Jb"),
    ])
    func `text is cut between characters`(text: String, width: Int, expected: String) {
        #expect(TerminalText.fitted(text, to: width) == expected)
    }

    @Test(arguments: [
        (nil, "-"), (0 as Double?, "0"), (0.01, "<0.1"), (0.96, "1.0"), (12.34, "12.3"), (99.94, "99.9"),
        (99.96, "100"),
        (123_456, "123k"),
    ])
    func `rates are short`(rate: Double?, expected: String) {
        #expect(TopNumber.rate(rate) == expected)
    }
}

private func - (time: Timestamp, duration: Duration) -> Timestamp { time + (.zero - duration) }
