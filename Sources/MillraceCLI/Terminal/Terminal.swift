// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process's terminal while a full-screen view is on it: one at a time, and always given back.
final class Terminal: Sendable {
    enum Event: Sendable, Equatable {
        case key(UInt8)
        case resized
        /// Ctrl-Z: call ``Terminal/suspend()``.
        case suspend
        /// After a stop of whatever cause, others may have written here.
        case continued
        /// The user, the system or whoever has the terminal wants an end.
        case end
    }

    struct Size: Sendable, Equatable {
        var columns: Int
        var rows: Int
    }

    /// What happens at the keyboard, and signals.
    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    /// The keyboard's mode before; nil when standard input is no terminal, and there are no keys.
    private let mode: termios?

    /// Takes the terminal over; ``leave()`` gives it back.
    ///
    /// - Throws: `.system` when a signal could not be heard.
    init() throws(CommandError) {
        (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(256))
        var mode = termios()
        self.mode = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &mode) == 0 ? mode : nil
        guard let signals = TerminalSignals.install() else {
            throw CommandError(.system, "no pipe for signals: the system has no descriptor left")
        }
        let (hasKeys, sink) = (self.mode != nil, continuation)
        let isListening = DetachedThread.start { Self.listen(signals, hasKeys: hasKeys, sink) }
        guard isListening else {
            TerminalSignals.uninstall()
            close(signals)
            throw CommandError(.system, "no thread for the keyboard")
        }
        TerminalRestorer.install(descriptor: STDOUT_FILENO, mode: self.mode)
    }

    /// Shows the alternate screen and takes keys as they are typed. In the background it first waits, stopped, to be
    /// brought to the front.
    ///
    /// - Throws: `.outputClosed` when the terminal is gone.
    func enter() throws(CommandError) {
        // Bounded: nobody can stop a process whose session has no other left.
        for _ in 0..<16 where Self.isInBackground { TerminalSignals.stop() }
        if var raw = mode {
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            // Ctrl-S would hold up the view, and with it the key that ends it.
            raw.c_iflag &= ~tcflag_t(IXON)
            _ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)
        }
        try write(TerminalSequence.enter)
    }

    /// Gives the screen back as it was, until ``enter()`` is called again. Also when the terminal is gone.
    func restore() {
        _ = FileDescriptor.write(Array(TerminalSequence.leave.utf8), to: STDOUT_FILENO)
        if var mode { _ = tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) }
    }

    /// Gives the terminal back for good.
    func leave() {
        restore()
        TerminalRestorer.uninstall()
        TerminalSignals.uninstall()
        continuation.finish()
    }

    /// Gives the screen back, stops the process, and takes it again when it was continued.
    func suspend() throws(CommandError) {
        restore()
        TerminalSignals.stop()
        try enter()
    }

    var hasKeys: Bool { mode != nil }

    func write(_ text: String) throws(CommandError) {
        guard FileDescriptor.write(Array(text.utf8), to: STDOUT_FILENO) else { throw CommandError(.outputClosed, "") }
    }

    /// 80 × 24 when the terminal does not know.
    static var size: Size {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return Size(columns: 80, rows: 24)
        }
        return Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    private static var isInBackground: Bool {
        let front = tcgetpgrp(STDOUT_FILENO)
        return front > 0 && front != getpgrp()
    }

    // MARK: - The listening thread

    /// Passes on keys and signals until the signals' pipe is closed.
    private static func listen(_ signals: Int32, hasKeys: Bool, _ sink: AsyncStream<Event>.Continuation) {
        TerminalSignals.unblock()
        var hasKeys = hasKeys
        defer { close(signals) }
        while true {
            var waits = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
            if hasKeys { waits.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)) }
            guard poll(&waits, nfds_t(waits.count), -1) > 0 else {
                if errno == EINTR { continue }
                return
            }
            if waits[0].revents != 0 {
                guard let numbers = FileDescriptor.read(signals, limit: 64) else { return }
                for number in numbers { if let event = event(of: Int32(number)) { sink.yield(event) } }
            }
            if hasKeys, waits[1].revents != 0 {
                if let keys = FileDescriptor.read(STDIN_FILENO, limit: 64) {
                    for key in keys { sink.yield(.key(key)) }
                } else {
                    // Hung up: the terminal is gone, though nobody sent a signal.
                    hasKeys = false
                    sink.yield(.end)
                }
            }
        }
    }

    private static func event(of signal: Int32) -> Event? {
        switch signal {
        case SIGWINCH: .resized
        case SIGTSTP: .suspend
        case SIGCONT: .continued
        case SIGINT, SIGTERM, SIGHUP: .end
        default: nil
        }
    }
}
