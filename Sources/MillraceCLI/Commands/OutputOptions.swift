// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Synchronization

/// Options of whatever shows something.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.short, .long], help: "table, json or jsonl. Default: table.",
        transform: { text throws(ValidationError) in
            guard let format = OutputFormat(rawValue: text) else {
                throw ValidationError("expected table, json or jsonl")
            }
            return format
        })
    var output: OutputFormat = .table
}

/// Options of listings.
struct ListingOptions: ParsableArguments {
    static let limitMax = 500
    private static let interval: Duration = .seconds(2)

    @OptionGroup var output: OutputOptions
    @Flag(help: "Shows it again every two seconds, until Ctrl-C.")
    var watch = false
    @Option(help: "How many to show at most, 1 to 500.")
    var limit = 50
    @Option(help: "Where to go on: what the page before ended with.")
    var cursor: String?

    func validate() throws {
        guard (1...Self.limitMax).contains(limit) else {
            throw ValidationError("--limit: expected 1 to \(Self.limitMax), found \(limit)")
        }
    }

    /// Shows it once, or again and again; then a store that is away is remarked upon, and asked again.
    func repeating(in context: CommandContext, _ show: (Console) async throws -> Void) async throws {
        guard watch else { return try await show(context.console) }
        while true {
            do {
                if context.console.isTerminal, output.output == .table {
                    try await showScreen(context.console, show)
                } else {
                    try await show(context.console)
                }
            } catch let error as CommandError where error.code != .unavailable {
                throw error
            } catch {
                let error = CommandError(error)
                guard error.code == .unavailable else { throw error }
                context.console.complain(error.message)
            }
            try await context.sleep(Self.interval)
        }
    }

    /// Clears the terminal and writes all in one go, so that nothing flickers.
    private func showScreen(_ console: Console, _ show: (Console) async throws -> Void) async throws {
        let screen = Screen()
        try await show(console.writing(to: { (text) throws(CommandError) in screen.add(text) }))
        try console.write("\u{1b}[H\u{1b}[2J" + screen.text)
    }

    /// A page of what is listed by name, and where the next one begins.
    func page<Row>(of rows: [Row], by name: (Row) -> String) -> (rows: [Row], next: String?) {
        let sorted = rows.sorted { name($0) < name($1) }
        let rest = cursor.map { cursor in sorted.filter { name($0) > cursor } } ?? sorted
        let page = Array(rest.prefix(limit))
        return (page, rest.count > limit ? page.last.map(name) : nil)
    }
}

/// What is about to be shown.
private final class Screen: Sendable {
    private let state = Mutex("")
    var text: String { state.withLock { $0 } }

    func add(_ text: String) {
        state.withLock { $0 += text }
    }
}
