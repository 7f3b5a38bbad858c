// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace
import MillraceAPI

/// `millrace top`
struct TopCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Shows the whole mill, live.",
        discussion: """
            Queues, worker processes and the jobs that have run longest, read again every second; q or Ctrl-C ends \
            it. Where no terminal is watching, and with --output jsonl, it writes one line per queue and reading. A \
            store that is away is said so, and its last figures stay.
            """)

    @Option(help: "How often to read the stores, 200ms to 1h. Default: 1s.")
    var interval: String?
    @Flag(help: "Reads and shows it once.")
    var once = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard output.output != .json else {
            throw ValidationError("--output: expected table or jsonl, as this is no single text")
        }
    }

    func run(in context: CommandContext) async throws {
        let interval = try chosenInterval()
        try await context.withStores { stores in
            var reader = MillReader(stores, now: context.now)
            if once {
                try showOnce(try await reader.read(), in: context)
            } else if showsScreen(in: context) {
                try await showScreen(reader, interval, in: context)
            } else {
                try await showLines(&reader, interval, in: context)
            }
        }
    }

    private func chosenInterval() throws(CommandError) -> Duration {
        guard let interval else { return .seconds(1) }
        guard let duration = Duration(text: interval), (.milliseconds(200) ... .seconds(3600)).contains(duration) else {
            throw CommandError(.usage, "--interval: expected \(DurationText.expectation), from 200ms to 1h")
        }
        return duration
    }

    /// A terminal that can place the cursor, which `dumb` says it cannot.
    private func showsScreen(in context: CommandContext) -> Bool {
        let kind = context.environment["TERM"] ?? ""
        return context.console.isTerminal && output.output == .table && !kind.isEmpty && kind != "dumb"
    }

    private func showScreen(
        _ reader: MillReader, _ interval: Duration, in context: CommandContext
    ) async throws(CommandError) {
        let terminal = try Terminal()
        defer { terminal.leave() }
        let hint = "every \(interval.text)  \(terminal.hasKeys ? "q" : "Ctrl-C") quits"
        let view = TopView(
            terminal: terminal, interval: interval, usesColor: context.console.usesColor, hint: hint, now: context.now)
        try await view.run(reader)
    }

    private func showOnce(_ reading: MillReading, in context: CommandContext) throws(CommandError) {
        if let fault = reading.faults.first { throw CommandError(.unavailable, fault.message) }
        guard showsScreen(in: context) else {
            if reading.queues.isEmpty { context.console.note("no queues") }
            return try write(reading, in: context)
        }
        let screen = TopScreen(reading: reading, now: context.now(), hint: "", staleAfter: .seconds(3600))
        let lines = screen.lines(columns: Terminal.size.columns, rows: .max)
        try context.console.write(lines.map { $0.text + "\n" }.joined())
    }

    private func showLines(_ reader: inout MillReader, _ interval: Duration, in context: CommandContext) async throws {
        while true {
            let reading = try await reader.read()
            for fault in reading.faults { context.console.complain(fault.message) }
            // Old figures under a new time would be taken for new ones.
            if reading.faults.isEmpty { try write(reading, in: context) }
            try await context.sleep(interval)
        }
    }

    private func write(_ reading: MillReading, in context: CommandContext) throws(CommandError) {
        let text = output.output == .jsonl ? TopLines.json(reading) : TopLines.text(reading)
        if !text.isEmpty { try context.console.write(text) }
    }
}
