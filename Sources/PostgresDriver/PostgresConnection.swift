// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One connection, pinned to a thread of its own, on which libpq blocks.
///
/// A call is one synchronous unit of work on that thread, so nothing interleaves within a transaction. Calls queue; a pool
/// gives each its own connection. Nothing here uses the cooperative pool. Once a call left the connection broken, all others
/// fail with `.unavailable`.
package actor PostgresConnection {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    nonisolated let executor = ThreadExecutor()
    private nonisolated let wakeup: WakePipe
    private nonisolated let usable = Atomic(false)
    private var session: PostgresSession?

    /// A connection that is still to be opened.
    init() throws(PostgresError) {
        wakeup = try WakePipe()
        try executor.start()
    }

    deinit { executor.stop() }

    /// Connects, within the configuration's timeout and the deadline.
    package static func connect(
        _ configuration: PostgresConfiguration, deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection()
        let outcome: Result<Void, PostgresError> = await connection.perform(deadline) { connection, call in
            connection.open(configuration, call)
        }
        switch outcome {
        case .success: return connection
        case .failure(let error):
            await connection.close()
            throw error
        }
    }

    /// Whether a call may still succeed; known without asking the thread.
    nonisolated var isUsable: Bool { usable.load(ordering: .acquiring) }

    /// Runs one statement as a transaction of its own, in one round trip (two on its first use on this connection).
    /// - Throws: see `PostgresPool.query`.
    package nonisolated func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> PostgresResult {
        let outcome: Result<PostgresResult, PostgresError> = await perform(deadline) { connection, call in
            connection.run { session in
                Result { () throws(PostgresError) in try session.query(statement, parameters, call) }
            } orElse: {
                $0
            }
        }
        return try outcome.get()
    }

    /// Runs `body` in one transaction, on this connection's thread.
    /// - Throws: see `PostgresPool.transaction`.
    package nonisolated func transaction<Value: Sendable>(
        deadline: ContinuousClock.Instant, _ body: @Sendable (PostgresTransaction) throws -> Value
    ) async throws -> Value {
        let outcome: Result<Value, any Error> = await perform(deadline) { connection, call in
            connection.run { session in
                Result { try session.transaction(call, body) }
            } orElse: {
                $0
            }
        }
        return try outcome.get()
    }

    /// Ends the session, after the calls that came before, and then the thread.
    package nonisolated func close() async {
        await finish()
        executor.stop()
    }

    /// Does what `close` does, without waiting.
    /// - Parameter onExit: called by the thread as the last thing it does.
    nonisolated func shutDown(onExit: @escaping @Sendable () -> Void) {
        executor.execute { self.assumeIsolated { $0.finish() } }
        executor.stop(onExit: onExit)
    }

    nonisolated func makeCall(deadline: ContinuousClock.Instant) -> PostgresCall {
        PostgresCall(deadline: deadline, wakeup: wakeup)
    }

    /// Opens on the connection's own thread, without a task.
    nonisolated func start(
        _ configuration: PostgresConfiguration, _ call: PostgresCall,
        completion: @escaping @Sendable (Result<Void, PostgresError>) -> Void
    ) {
        executor.execute { completion(self.assumeIsolated { $0.open(configuration, call) }) }
    }

    private func open(_ configuration: PostgresConfiguration, _ call: PostgresCall) -> Result<Void, PostgresError> {
        do throws(PostgresError) {
            session = try PostgresSession.connect(configuration, wakeup: wakeup, call: call)
            usable.store(true, ordering: .releasing)
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func finish() {
        usable.store(false, ordering: .releasing)
        session?.finish()
        session = nil
    }

    /// Runs `body` on the session, and remembers in what state it leaves it.
    private func run<Value, Failure: Error>(
        _ body: (PostgresSession) -> Result<Value, Failure>, orElse missing: (PostgresError) -> Failure
    ) -> Result<Value, Failure> {
        guard let session else { return .failure(missing(.stale("the connection is closed"))) }
        defer { usable.store(!session.isBroken, ordering: .releasing) }
        return body(session)
    }

    /// Runs `body` on the thread; a cancellation of the calling task reaches the call from wherever it happens.
    private nonisolated func perform<Value: Sendable, Failure: Error>(
        _ deadline: ContinuousClock.Instant,
        _ body: @Sendable (isolated PostgresConnection, PostgresCall) -> Result<Value, Failure>
    ) async -> Result<Value, Failure> {
        let call = makeCall(deadline: deadline)
        return await withCallerCancellationHandler {
            await body(self, call)
        } onCancel: {
            call.cancel()
        }
    }
}
