// SPDX-License-Identifier: Apache-2.0

import CLibPQ

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One libpq connection, used by one thread at a time: it sends, and waits with a deadline.
///
/// libpq runs in its non-blocking mode and this class does all waiting, in `poll` on the socket and on a `WakePipe`. So a
/// deadline and a cancellation are noticed by the very thread that waits, and nothing else ever touches the connection: no
/// lock, and no cancellation can hit the next statement, since this thread waits for `PQcancel` to return before it sends
/// another. What blocks without limit (`PQcancel` on a frozen server) has a thread of its own.
///
/// At the deadline, or when the call is cancelled, the server is asked to cancel; after the grace the connection is given up.
final class PostgresSession {
    /// Why an exchange brought no result.
    struct Failure: Error {
        /// With the code `.server` if the server said why.
        let error: PostgresError
        /// What the server's error does to the session; nil if the server said nothing.
        let severity: String?
        let interruption: Interruption?
        /// Whether the server may have got anything of it.
        var wasSent = true

        /// - Parameter code: what it means if the server did not say what became of the statement.
        func meaning(whenBroken code: PostgresError.Code) -> PostgresError {
            guard wasSent else { return error.with(.unavailable) }
            guard error.code == .server else {
                return error.with(code == .unavailable && interruption == .cancelled ? .cancelled : code)
            }
            switch (severity, interruption) {
            case ("PANIC", _): return error.with(code)
            // By its own word the server has given the statement up.
            case ("FATAL", _): return error.with(.unavailable)
            case (_, .cancelled?) where error.sqlState == "57014": return error.with(.cancelled)
            case (_, .deadlinePassed?) where error.sqlState == "57014": return error.with(.deadlineExceeded)
            default: return error
            }
        }
    }

    enum Interruption {
        case cancelled, deadlinePassed
    }

    let wakeup: WakePipe
    let cancelGrace: Duration
    /// Nil once given up or finished.
    var connection: OpaquePointer?
    var statements = PreparedStatements()
    let notices = NoticeWatch()
    /// What the last exchange was interrupted by, even if the answer came all the same.
    private(set) var lastInterruption: Interruption?
    /// A cancel request may still arrive: nothing more may be sent.
    private var isAbandoned = false

    /// - Parameter connection: established by `connect`, or about to be; owned from here on.
    init(_ connection: OpaquePointer, wakeup: WakePipe, cancelGrace: Duration) {
        self.connection = connection
        self.wakeup = wakeup
        self.cancelGrace = cancelGrace
        notices.attach(to: connection)
    }

    deinit { finish() }

    var isBroken: Bool { connection.map { PQstatus($0) == CONNECTION_BAD } ?? true }

    /// Ends the session; at once, whatever the server does, as the socket does not block.
    func finish() {
        guard let connection else { return }
        self.connection = nil
        PQfinish(connection)
    }

    /// Finds out whether the server hung up while nothing ran.
    /// - Throws: a stale `.unavailable`.
    func checkAlive() throws(PostgresError) {
        guard let connection else { throw .stale("the connection is closed") }
        guard poll(socket: PQsocket(connection), wantsWrite: false, until: nil) else { return }
        // What it said may be as harmless as a changed setting. The second reading meets the end, if there is one.
        PQconsumeInput(connection)
        PQconsumeInput(connection)
        _ = PQisBusy(connection)
        guard isBroken || notices.hasEnded else { return }
        let message = Self.message(of: connection)
        finish()
        throw .stale("the server hung up while the connection was idle: \(message)")
    }

    /// Sends something and waits for all that the server answers.
    ///
    /// - Parameters:
    ///   - isInterruptible: whether the server is asked to cancel at the deadline or when the call is cancelled. If not, a
    ///     cancellation is ignored and only the deadline and the grace end the waiting.
    ///   - send: answers 0 if nothing could be sent.
    func exchange(
        _ call: PostgresCall, isInterruptible: Bool, _ send: (OpaquePointer) -> Int32
    ) throws(Failure) -> PostgresResult {
        guard let connection, !isBroken else {
            var failure = broken("the connection is closed", nil)
            failure.wasSent = false
            throw failure
        }
        notices.reset()
        guard send(connection) == 1 else {
            let message = Self.message(of: connection)
            // Half a message may have been sent, or may be in libpq's buffer.
            finish()
            throw broken(message, nil)
        }
        var reply = ReplyCollector()
        var interrupt = Interrupt()
        while !reply.take(from: connection) {
            let now = ContinuousClock.now
            if let giveUpAt = interrupt.giveUpAt {
                if now >= giveUpAt {
                    reply.discard()
                    finish()
                    throw broken("no answer within the deadline and the grace; connection dropped", interrupt.kind)
                }
            } else if let kind = interruption(of: call, isInterruptible, now) {
                interrupt.kind = kind
                interrupt.giveUpAt = now + cancelGrace
                if isInterruptible { interrupt.request = .start(for: connection, waking: wakeup) }
            }
            wait(on: connection, until: interrupt.giveUpAt ?? call.deadline)
        }
        lastInterruption = interrupt.kind
        awaitEnd(of: interrupt, connection)
        return try conclude(reply, interrupt.kind, connection)
    }

    private struct Interrupt {
        var kind: Interruption?
        var giveUpAt: ContinuousClock.Instant?
        var request: CancelRequest?
    }

    private func interruption(
        of call: PostgresCall, _ isInterruptible: Bool, _ now: ContinuousClock.Instant
    ) -> Interruption? {
        if isInterruptible, call.isCancelled { return .cancelled }
        return now >= call.deadline ? .deadlinePassed : nil
    }

    /// Lets a cancel request arrive before anything else is sent, so that it cannot hit the next statement.
    private func awaitEnd(of interrupt: Interrupt, _ connection: OpaquePointer) {
        guard let request = interrupt.request, let giveUpAt = interrupt.giveUpAt else { return }
        while !request.isDone {
            guard ContinuousClock.now < giveUpAt else { return isAbandoned = true }
            poll(socket: -1, wantsWrite: false, until: giveUpAt)
        }
    }

    private func conclude(
        _ reply: ReplyCollector, _ interruption: Interruption?, _ connection: OpaquePointer
    ) throws(Failure) -> PostgresResult {
        let lost = PQstatus(connection) == CONNECTION_BAD || reply.isUnusable
        let message = Self.message(of: connection)
        if lost || isAbandoned { finish() }
        if let (error, severity) = reply.serverError {
            throw Failure(error: error, severity: severity, interruption: interruption)
        }
        guard !lost, let result = reply.result else {
            throw broken(reply.problem ?? message, interruption)
        }
        return result
    }

    private func broken(_ message: String, _ interruption: Interruption?) -> Failure {
        Failure(error: PostgresError(.unavailable, message), severity: nil, interruption: interruption)
    }

    /// Waits until the server has something to say, something more can be sent, someone calls, or it is time.
    private func wait(on connection: OpaquePointer, until limit: ContinuousClock.Instant) {
        let wantsWrite = PQflush(connection) == 1
        // TLS may hold decrypted bytes that the socket does not show (a record is up to 16 KiB, and libpq reads 8): so
        // look again soon.
        let isEncrypted = PQsslInUse(connection) == 1
        let until = isEncrypted ? min(limit, ContinuousClock.now + .milliseconds(50)) : limit
        let isReadable = poll(socket: PQsocket(connection), wantsWrite: wantsWrite, until: until)
        if isReadable || isEncrypted { PQconsumeInput(connection) }
    }

    /// - Parameters:
    ///   - socket: -1 for none.
    ///   - limit: nil to look without waiting.
    /// - Returns: whether the socket is ready for what is wanted of it most (reading, if both), or is at its end.
    @discardableResult
    func poll(
        socket: Int32, wantsRead: Bool = true, wantsWrite: Bool, until limit: ContinuousClock.Instant?
    ) -> Bool {
        let left = limit.map { max(ContinuousClock.now.duration(to: $0), .zero).components }
        // Rounded up, or the last millisecond would be spent in a busy loop.
        let milliseconds = left.map { min($0.seconds, 3600) * 1000 + $0.attoseconds / 1_000_000_000_000_000 + 1 } ?? 0
        var descriptors = (
            pollfd(fd: wakeup.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(
                fd: socket, events: (wantsRead ? Int16(POLLIN) : 0) | (wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
        )
        withUnsafeMutableBytes(of: &descriptors) { bytes in
            // An interrupted wait is a wake-up too many: the caller looks and waits again.
            _ = systemPoll(bytes.bindMemory(to: pollfd.self).baseAddress, 2, Int32(milliseconds))
        }
        if descriptors.0.revents != 0 { wakeup.drain() }
        return descriptors.1.revents & (wantsRead ? ~Int16(POLLOUT) : -1) != 0
    }

    static func message(of connection: OpaquePointer) -> String {
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        let line = oneLine(text)
        return line.isEmpty ? "the connection broke" : line
    }

    /// libpq breaks its messages into lines, of which it sets in the later ones by tabs.
    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline)
            .map { line in line.split { $0 == "\t" || $0 == " " }.joined(separator: " ") }
            .filter { !$0.isEmpty }.joined(separator: "; ")
    }
}

private func systemPoll(_ descriptors: UnsafeMutablePointer<pollfd>?, _ count: nfds_t, _ milliseconds: Int32) -> Int32 {
    poll(descriptors, count, milliseconds)
}
