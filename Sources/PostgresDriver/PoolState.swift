// SPDX-License-Identifier: Apache-2.0

/// Who holds which connection, who waits for one, and whether connecting may be tried: decisions only, no effects.
///
/// The caller keeps it under a lock and performs what it answers.
struct PoolState<Connection: Sendable, Waiter> {
    struct Waiting {
        let id: Int
        let deadline: ContinuousClock.Instant
        let waiter: Waiter
    }

    enum Admission {
        case use(Connection)
        case wait
        case refuse(PostgresError)
    }

    enum Release {
        case hand(to: Waiter)
        case keep
        case discard
    }

    /// Resumed after the lock is given back.
    typealias Refused = (waiters: [Waiter], error: PostgresError)

    let size: Int
    let waitersMax: Int
    private(set) var isClosed = false
    private(set) var backoff = ConnectBackoff()
    /// Last in, first out: the most recently used one is the least likely to have been cut off.
    private var idle: [Connection] = []
    /// Idle or lent.
    private(set) var openCount = 0
    private(set) var connectingCount = 0
    private(set) var waiters: [Waiting] = []

    init(size: Int, waitersMax: Int) {
        self.size = size
        self.waitersMax = waitersMax
    }

    /// What a new caller is told.
    mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        if isClosed { return .refuse(Self.closedError) }
        if waiters.isEmpty, let connection = idle.popLast() { return .use(connection) }
        guard waiters.count < waitersMax else {
            return .refuse(PostgresError(.overloaded, "\(waitersMax) calls wait for one of \(size) connections"))
        }
        // With the server away a caller is told at once, but for the one that is to try.
        if openCount == 0, let error = backoff.lastError, backoff.isWaiting(at: now) || connectingCount > 0 {
            return .refuse(error)
        }
        return .wait
    }

    mutating func enqueue(_ waiting: Waiting) { waiters.append(waiting) }

    /// Takes a waiter that gave up; nil if it was answered meanwhile.
    mutating func remove(waiter id: Int) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return waiters.remove(at: index).waiter
    }

    /// Takes the waiters whose deadline has passed.
    mutating func expire(at now: ContinuousClock.Instant) -> [Waiter] {
        let expired = waiters.filter { $0.deadline <= now }.map(\.waiter)
        waiters.removeAll { $0.deadline <= now }
        return expired
    }

    var earliestDeadline: ContinuousClock.Instant? { waiters.map(\.deadline).min() }

    /// How many connections to open now; they count as connecting from here on. After a failure one at a time.
    mutating func startConnecting(at now: ContinuousClock.Instant) -> Int {
        guard !isClosed, !backoff.isWaiting(at: now) else { return 0 }
        let room = size - openCount - connectingCount
        let needed = waiters.count - connectingCount
        var count = max(0, min(room, needed))
        if backoff.failures > 0 { count = connectingCount > 0 ? 0 : min(count, 1) }
        connectingCount += count
        return count
    }

    /// - Returns: who gets the new connection; nil leaves it idle. On a closed pool the caller closes it.
    mutating func connected(_ connection: Connection) -> Waiter? {
        connectingCount -= 1
        backoff.succeed()
        openCount += 1
        return isClosed ? nil : pass(connection)
    }

    /// - Returns: the waiters that nothing can serve any more.
    mutating func connectFailed(
        _ error: PostgresError, at now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) -> Refused {
        connectingCount -= 1
        backoff.fail(error, at: now, using: &generator)
        return refuseUnservable(error)
    }

    /// Takes back a usable connection.
    mutating func release(_ connection: Connection) -> Release {
        if isClosed { return .discard }
        return pass(connection).map { .hand(to: $0) } ?? .keep
    }

    /// Drops a lent connection that is broken, or whose pool is closed.
    mutating func discard(at now: ContinuousClock.Instant) -> Refused? {
        openCount -= 1
        guard backoff.isWaiting(at: now), let error = backoff.lastError else { return nil }
        return refuseUnservable(error)
    }

    /// - Returns: the idle connections, for the caller to close, and all waiters.
    mutating func close() -> (idle: [Connection], refused: Refused) {
        isClosed = true
        defer {
            openCount -= idle.count
            idle = []
            waiters = []
        }
        return (idle, (waiters.map(\.waiter), Self.closedError))
    }

    private static var closedError: PostgresError { PostgresError(.unavailable, "the pool is closed") }

    private mutating func pass(_ connection: Connection) -> Waiter? {
        guard waiters.isEmpty else { return waiters.removeFirst().waiter }
        idle.append(connection)
        return nil
    }

    private mutating func refuseUnservable(_ error: PostgresError) -> Refused {
        guard openCount == 0, connectingCount == 0 else { return ([], error) }
        defer { waiters = [] }
        return (waiters.map(\.waiter), error)
    }
}
