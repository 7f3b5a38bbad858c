// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The live view on a terminal: reads the mill once in an interval, and draws at once when the screen changes.
struct TopView {
    let terminal: Terminal
    let interval: Duration
    let usesColor: Bool
    let hint: String
    let now: @Sendable () -> Timestamp

    private enum Step: Sendable {
        case terminal(Terminal.Event)
        case reading(MillReading)
        /// So that ages grow and a store that hangs shows.
        case tick
        case failed(CommandError)
    }

    /// Returns when the user wants an end.
    ///
    /// - Throws: what waiting does not mend; `.outputClosed` when the terminal is gone.
    func run(_ reader: MillReader) async throws(CommandError) {
        try terminal.enter()
        let (steps, sink) = AsyncStream.makeStream(of: Step.self, bufferingPolicy: .bufferingNewest(512))
        let events = terminal.events
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events { sink.yield(.terminal(event)) }
            }
            group.addTask { await read(reader, into: sink) }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    sink.yield(.tick)
                }
            }
            let result = await follow(steps)
            group.cancelAll()
            return result
        }
        try result.get()
    }

    /// One reading after the other: those of a slow store come later, and never two at a time.
    private func read(_ reader: MillReader, into sink: AsyncStream<Step>.Continuation) async {
        var reader = reader
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do throws(CommandError) {
                sink.yield(.reading(try await reader.read()))
            } catch {
                sink.yield(.failed(error))
                return
            }
            try? await Task.sleep(until: max(start + interval, .now + interval / 4))
        }
    }

    private func follow(_ steps: AsyncStream<Step>) async -> Result<Void, CommandError> {
        var reading: MillReading?
        var drawn = ""
        do throws(CommandError) {
            try draw(reading, over: &drawn)
            for await step in steps {
                switch step {
                case .reading(let new): reading = new
                case .failed(let error): return .failure(error)
                case .tick: break
                case .terminal(.key(let key)):
                    if key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") { return .success(()) }
                    continue
                case .terminal(.end): return .success(())
                case .terminal(.resized): drawn = ""
                case .terminal(.suspend):
                    try terminal.suspend()
                    drawn = ""
                case .terminal(.continued):
                    try terminal.enter()
                    drawn = ""
                }
                try draw(reading, over: &drawn)
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// In one write, and only what is new, so that nothing flickers.
    private func draw(_ reading: MillReading?, over drawn: inout String) throws(CommandError) {
        let size = Terminal.size
        let screen = TopScreen(
            reading: reading, now: now(), hint: hint, staleAfter: max(.seconds(3), interval * 3))
        let lines = screen.lines(columns: size.columns, rows: size.rows)
        var text = ""
        for (index, line) in lines.enumerated() {
            text += TerminalSequence.line(index + 1) + styled(line)
            // At the last column the cursor stays on the last character, which would be cleared.
            if TerminalText.width(line.text) < size.columns { text += TerminalSequence.clearToEndOfLine }
        }
        if lines.count < size.rows {
            text += TerminalSequence.line(lines.count + 1) + TerminalSequence.clearToEndOfScreen
        }
        guard text != drawn else { return }
        try terminal.write(text)
        drawn = text
    }

    private func styled(_ line: TopScreen.Line) -> String {
        guard usesColor, !line.text.isEmpty else { return line.text }
        switch line.style {
        case .plain: return line.text
        case .title, .header: return TerminalSequence.bold + line.text + TerminalSequence.plain
        case .remark: return TerminalSequence.faint + line.text + TerminalSequence.plain
        case .alarm: return TerminalSequence.red + line.text + TerminalSequence.plain
        }
    }
}
