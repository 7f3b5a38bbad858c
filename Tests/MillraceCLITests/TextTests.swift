// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import Synchronization
import Testing

@testable import MillraceCLI

@Suite("Nearest")
struct NearestTests {
    @Test(arguments: [
        ("concurency", "concurrency"), ("coutn", "count"), ("Count", "count"), ("queue", "queues"), ("xyz", nil),
        ("drain-timeout", "drain_timeout"),
    ])
    func `a slip of the finger is understood, another word is not`(word: String, expected: String?) {
        #expect(Nearest.match(for: word, among: ["queues", "concurrency", "count", "drain_timeout"]) == expected)
    }

    @Test(arguments: [("", "", 0), ("a", "", 1), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)])
    func `distances count single changes`(left: String, right: String, expected: Int) {
        #expect(Nearest.distance(Array(left), Array(right)) == expected)
        #expect(Nearest.distance(Array(right), Array(left)) == expected)
    }
}

@Suite("Durations")
struct DurationTextTests {
    @Test(arguments: [
        (0, "0ms"), (999, "999ms"), (1500, "1s"), (119_000, "119s"), (120_000, "2m"), (6_000_000, "100m"),
        (7_200_000, "2h"), (172_800_000, "2d"), (-5, "0ms"),
    ])
    func `for people they are rounded`(milliseconds: Int, expected: String) {
        #expect(DurationText.rounded(.milliseconds(milliseconds)) == expected)
    }
}

@Suite("LineSplitter")
struct LineSplitterTests {
    @Test func `lines come out whole, whatever the pieces they came in`() {
        var splitter = LineSplitter()

        #expect(splitter.append(Array("on".utf8)) == [])
        #expect(splitter.append(Array("e\ntwo\n\nthr".utf8)) == ["one", "two", ""])
        #expect(splitter.finish() == "thr")
        #expect(splitter.finish() == nil)
    }

    @Test func `a line without end comes out in pieces`() {
        var splitter = LineSplitter()

        let lines = splitter.append([UInt8](repeating: UInt8(ascii: "x"), count: 2 * LineSplitter.lineBytesMax + 5))

        #expect(lines.map(\.utf8.count) == [LineSplitter.lineBytesMax, LineSplitter.lineBytesMax])
        #expect(splitter.finish() == "xxxxx")
    }

    @Test func `nothing steers the terminal`() {
        var splitter = LineSplitter()

        #expect(splitter.append(Array("a\u{1b}[2Jb\rc\u{9b}d\tä\n".utf8)) == ["a\\u{1b}[2Jb\\rc\\u{9b}d\\tä"])
    }
}

@Suite("LineLogHandler")
struct LineLogHandlerTests {
    private func line(_ level: Logger.Level = .info, _ log: (inout Logger) -> Void) -> [String] {
        let lines = Lines()
        let now = Timestamp(unixMilliseconds: 1_795_368_768_007)
        var logger = Logger(
            label: "test", factory: { _ in LineLogHandler(level: level, now: { now }) { lines.append($0) } })
        log(&logger)
        return lines.all
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }

        func append(_ line: String) {
            lines.withLock { $0.append(line) }
        }
    }

    @Test func `an event is one line with sorted facts`() {
        let lines = line { logger in
            logger[metadataKey: "millrace.pool"] = "photos"
            logger.info("worker started", metadata: ["millrace.count": "4", "error": "none"])
        }

        #expect(lines == ["2026-11-22T17:32:48.007Z info worker started error=none count=4 pool=photos"])
    }

    @Test func `values cannot forge lines`() {
        let lines = line { logger in
            logger.warning(
                "a\nb", metadata: ["error": "x\r\n2026 info \u{1b}[31m \"q\" \\", "empty": "", "list": ["a", "b c"]])
        }

        #expect(
            lines == [
                #"2026-11-22T17:32:48.007Z warning a\nb empty="" error="x\r\n2026 info \u{1b}[31m \"q\" \\" "#
                    + #"list="[\"a\", \"b c\"]""#
            ])
    }

    @Test func `what lies below the level is not written`() {
        #expect(line(.warning) { $0.info("quiet") } == [])
    }
}
