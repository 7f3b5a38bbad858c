// SPDX-License-Identifier: Apache-2.0

package import Logging
import Synchronization

/// A few connections for many callers: one for each transaction, first come, first served.
///
/// Connections are opened when they are needed, each by its own thread, and replaced when they break. While the server is
/// away calls fail at once with `.unavailable`, except for one at a time that tries again, after 50 ms doubling to 1 s with
/// full jitter.
///
/// No task, no continuation and no actor without a thread: handlers may hog the cooperative pool for minutes, and this must
/// work all the same.
package final class PostgresPool: Sendable {
    private typealias Waiter = Handover<Result<PostgresConnection, PostgresError>>

    private struct State {
        var pool: PoolState<PostgresConnection, Waiter>
        var nextID = 0
        /// To be cancelled by `close`.
        var connecting: [ObjectIdentifier: PostgresCall] = [:]
        /// Connections whose thread has not ended, whatever they do.
        var threads = 0
        var alarmAt: ContinuousClock.Instant?
        var closers: [Handover<Void>] = []
    }

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameters:
    ///   - size: connections, and threads; 1…16, a value beyond is clamped.
    ///   - waitersMax: calls that may wait for a connection; one more is told `.overloaded`.
    package init(
        _ configuration: PostgresConfiguration, size: Int, waitersMax: Int = 1024,
        logger: Logger = Logger(label: "millrace.postgres")
    ) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(State(pool: PoolState(size: min(max(size, 1), 16), waitersMax: waitersMax)))
    }

    /// Runs one statement as a transaction of its own, in one round trip once it is prepared.
    ///
    /// Cancelling the task cancels the statement.
    /// - Parameter deadline: for all of it, waiting for a connection included.
    /// - Throws: `.server`, `.unavailable`, `.deadlineExceeded`, `.cancelled`, `.overloaded`, `.configuration`: nothing
    ///   happened; `.outcomeUnknown`: it may have.
    package func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], deadline: Duration
    ) async throws(PostgresError) -> PostgresResult {
        let limit = ContinuousClock.Instant.after(deadline)
        var attempt = 0
        while true {
            let connection = try await acquire(limit)
            do throws(PostgresError) {
                defer { release(connection) }
                return try await connection.query(statement, parameters, deadline: limit)
            } catch {
                attempt += 1
                guard mayRepeat(error, attempt) else { throw error }
            }
        }
    }

    /// Runs `body` between `BEGIN` and `COMMIT` on a connection's own thread; an error that it throws rolls back and comes
    /// out as it is.
    ///
    /// `body` must not block on anything but the transaction it gets. Cancelling the task cancels the statement that runs;
    /// a `COMMIT` that was sent is awaited.
    /// - Parameter deadline: for all of it, waiting for a connection included.
    /// - Throws: what `body` throws, or `PostgresError`: `.outcomeUnknown` if the connection broke or the deadline passed
    ///   during `COMMIT`; with any other code nothing happened.
    package func transaction<Value: Sendable>(
        deadline: Duration, _ body: @Sendable (PostgresTransaction) throws -> Value
    ) async throws -> Value {
        let limit = ContinuousClock.Instant.after(deadline)
        var attempt = 0
        while true {
            let connection = try await acquire(limit)
            do {
                defer { release(connection) }
                return try await connection.transaction(deadline: limit, body)
            } catch let error as PostgresError {
                attempt += 1
                guard mayRepeat(error, attempt) else { throw error }
            }
        }
    }

    /// Refuses new calls, lets those that run end, closes all connections and waits for their threads to end.
    package func close() async {
        let (idle, refused, connecting) = state.withLock { state in
            let (idle, refused) = state.pool.close()
            return (idle, refused, Array(state.connecting.values))
        }
        DeadlineTimer.shared.clear(for: self)
        refuse(refused)
        for call in connecting { call.cancel() }
        for connection in idle { end(connection) }
        let end = Handover<Void>()
        let mustWait = state.withLock { state in
            if state.threads > 0 { state.closers.append(end) }
            return state.threads > 0
        }
        if mustWait { await end.take() }
    }

    /// A connection that died while it was idle costs its caller nothing but another try; there are at most `size` of them.
    private func mayRepeat(_ error: PostgresError, _ attempt: Int) -> Bool {
        error.isStale && attempt <= state.withLock(\.pool.size)
    }
}

extension PostgresPool {
    private func acquire(_ deadline: ContinuousClock.Instant) async throws(PostgresError) -> PostgresConnection {
        let (admission, alarm) = admit(deadline)
        switch admission {
        case .use(let connection): return connection
        case .refuse(let error): throw error
        case .wait(let id, let waiter):
            if let alarm { DeadlineTimer.shared.set(for: self, at: alarm) { [weak self] in self?.expire() } }
            openConnections()
            let result = await withCallerCancellationHandler {
                await waiter.take()
            } onCancel: {
                giveUp(id)
            }
            return try result.get()
        }
    }

    private enum Admission {
        case use(PostgresConnection)
        case wait(id: Int, Waiter)
        case refuse(PostgresError)
    }

    /// - Returns: with `.wait`, also the time for the alarm, if it must be set anew.
    private func admit(_ deadline: ContinuousClock.Instant) -> (Admission, alarm: ContinuousClock.Instant?) {
        state.withLock { state in
            switch state.pool.admit(at: .now) {
            case .use(let connection): return (.use(connection), nil)
            case .refuse(let error): return (.refuse(error), nil)
            case .wait: break
            }
            state.nextID += 1
            let waiter = Waiter()
            state.pool.enqueue(.init(id: state.nextID, deadline: deadline, waiter: waiter))
            let mustSetAlarm = state.alarmAt.map { deadline < $0 } ?? true
            if mustSetAlarm { state.alarmAt = deadline }
            return (.wait(id: state.nextID, waiter), mustSetAlarm ? deadline : nil)
        }
    }

    private func giveUp(_ id: Int) {
        guard let waiter = state.withLock({ $0.pool.remove(waiter: id) }) else { return }
        refuse(([waiter], PostgresError(.cancelled, "cancelled while waiting for a connection")))
    }

    private func expire() {
        let (expired, alarm) = state.withLock { state in
            let expired = state.pool.expire(at: .now)
            state.alarmAt = state.pool.earliestDeadline
            return (expired, state.alarmAt)
        }
        if let alarm { DeadlineTimer.shared.set(for: self, at: alarm) { [weak self] in self?.expire() } }
        refuse((expired, PostgresError(.deadlineExceeded, "the deadline passed while waiting for a connection")))
    }

    private func release(_ connection: PostgresConnection) {
        guard connection.isUsable else { return discard(connection) }
        switch state.withLock({ $0.pool.release(connection) }) {
        case .hand(let waiter): waiter.give(.success(connection), on: connection.executor)
        case .keep: break
        case .discard: discard(connection)
        }
    }

    private func discard(_ connection: PostgresConnection) {
        refuse(state.withLock { $0.pool.discard(at: .now) })
        end(connection)
        openConnections()
    }

    private func end(_ connection: PostgresConnection) {
        connection.shutDown { [self] in threadEnded() }
    }

    private func threadEnded() {
        let closers = state.withLock { state -> [Handover<Void>] in
            state.threads -= 1
            guard state.threads == 0 else { return [] }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.give((), on: .passing()) }
    }

    private func openConnections() {
        let count = state.withLock { state in
            let count = state.pool.startConnecting(at: .now)
            state.threads += count
            return count
        }
        for _ in 0..<count { openConnection() }
    }

    private func openConnection() {
        let connection: PostgresConnection
        do throws(PostgresError) {
            connection = try PostgresConnection()
        } catch {
            connectFailed(error)
            return threadEnded()
        }
        let call = connection.makeCall(deadline: .after(.seconds(3600)))
        let isClosed = state.withLock { state in
            state.connecting[ObjectIdentifier(connection)] = call
            return state.pool.isClosed
        }
        if isClosed { call.cancel() }
        connection.start(configuration, call) { [self] result in
            state.withLock { $0.connecting[ObjectIdentifier(connection)] = nil }
            switch result {
            case .success: connected(connection)
            case .failure(let error):
                end(connection)
                connectFailed(error)
            }
        }
    }

    private func connected(_ connection: PostgresConnection) {
        let (waiter, failures, isClosed) = state.withLock { state in
            let failures = state.pool.backoff.failures
            return (state.pool.connected(connection), failures, state.pool.isClosed)
        }
        if failures > 0 {
            logger.info("postgres can be reached again", metadata: ["millrace.count": "\(failures)"])
        }
        if isClosed { return discard(connection) }
        waiter?.give(.success(connection), on: connection.executor)
        // After an outage one connection is tried at a time; now the others may follow.
        openConnections()
    }

    private func connectFailed(_ error: PostgresError) {
        var generator = SystemRandomNumberGenerator()
        let (refused, failures) = state.withLock { state in
            let refused = state.pool.connectFailed(error, at: .now, using: &generator)
            return (refused, state.pool.backoff.failures)
        }
        // Once for an outage; each call's own error tells the rest.
        if failures == 1, error.code != .cancelled {
            logger.warning("postgres cannot be reached", metadata: ["error": "\(error)"])
        }
        refuse(refused)
    }

    private func refuse(_ refused: PoolState<PostgresConnection, Waiter>.Refused?) {
        guard let refused, !refused.waiters.isEmpty else { return }
        let thread = ThreadExecutor.passing()
        for waiter in refused.waiters { waiter.give(.failure(refused.error), on: thread) }
    }
}
