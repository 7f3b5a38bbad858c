// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import Synchronization

/// The keys of the API as this process knows them: all of them, read from the ledger every two seconds.
///
/// So a key that is revoked is refused within some three seconds, and a request costs no look at the ledger, whatever key it
/// comes with. Before a token is refused the keys are read once more, for all that wait for it together: a key works as soon
/// as it is made, and an id that does not exist takes as long to be refused as a wrong secret.
///
/// While the ledger is away those keys that are known are honoured, but no longer than `outageMax` since the last reading: a
/// key may have been revoked meanwhile by somebody who does reach the ledger. A key that is not known cannot be told from a
/// new one then, so that the answer is "not now".
final class KeyRing: Authenticator {
    private enum Verdict {
        case good(APIKey)
        case bad
        /// The ledger would have to be asked, and does not answer.
        case unknown
    }

    /// What a reading is to one who waited for its end.
    private enum Reading {
        /// It began after that one came.
        case fresh
        case older
        case failed
    }

    private struct State {
        var keys: [APIKeyID: APIKey] = [:]
        /// When the last reading that succeeded began.
        var readAt: ContinuousClock.Instant?
        /// Those who came before the next reading, or while one was under way.
        var waiting: [CheckedContinuation<Reading, Never>] = []
        var isAway = false
        var isClosed = false
    }

    private static let interval: Duration = .seconds(2)
    /// Between the end of one reading and the start of the next, however many wait.
    private static let pause: Duration = .milliseconds(250)
    /// With a ledger that is slow, beyond what a request has: a key that was revoked is not to be honoured for that.
    private static let patience: Duration = .seconds(4)
    /// Compared with where there is no key, to take as long.
    private static let nobodysDigest = [UInt8](repeating: 0, count: 32)

    private let state = Mutex(State())
    private let stores: Stores
    private let outageMax: Duration
    private let buckets: RequestBuckets
    private let logger: Logger
    /// Rung when a reading is wanted; one ring waits.
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(stores: Stores, outageMax: Duration, buckets: RequestBuckets, logger: Logger) {
        self.stores = stores
        self.outageMax = outageMax
        self.buckets = buckets
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func caller(bearing token: String) async throws(Problem) -> Caller? {
        guard let token = APIKeyToken(token) else { return nil }
        // A reading may take longer than a client should wait.
        switch await stores.keeper.within(stores.deadline, { await self.verdict(on: token) }) ?? .unknown {
        case .good(let key):
            try buckets.take(for: key)
            return .key(key)
        case .bad: return nil
        case .unknown: throw .away("the ledger (PostgreSQL) does not answer, and this key is not known without it")
        }
    }

    /// Reads the keys again and again, until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    self.ring.yield()
                    try? await Task.sleep(for: Self.interval)
                }
            }
            group.addTask {
                for await _ in self.bell {
                    await self.read()
                    try? await Task.sleep(for: Self.pause)
                }
            }
        }
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: .failed) }
    }

    private func verdict(on token: APIKeyToken) async -> Verdict {
        while true {
            let verdict = lastVerdict(on: token)
            guard case .unknown = verdict else { return verdict }
            switch await nextReading() {
            case .fresh:
                let verdict = lastVerdict(on: token)
                if case .unknown = verdict { return .bad }
                return verdict
            case .older: continue
            case .failed: return .unknown
            }
        }
    }

    /// By the last reading, which says nothing of keys that are newer.
    private func lastVerdict(on token: APIKeyToken) -> Verdict {
        let digest = token.digest
        let key = state.withLock { state -> APIKey? in
            guard let readAt = state.readAt, .now - readAt < outageMax else { return nil }
            return state.keys[token.id]
        }
        let isRight = APIKeyToken.areEqual(digest, key?.digest ?? Self.nobodysDigest)
        guard isRight, let key else { return .unknown }
        // What has ended once stays so.
        return key.state(at: .now()) == .active ? .good(key) : .bad
    }

    /// Waits for the end of a reading, and asks for one that begins from now on.
    private func nextReading() async -> Reading {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.waiting.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume(returning: .failed) } else { ring.yield() }
        }
    }

    private func read() async {
        let early = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        let start = ContinuousClock.now
        let read = await stores.ledgerResult(extra: Self.patience) { (ledger) throws(LedgerError) in
            try await ledger.apiKeys()
        }
        var isRead = false
        switch read {
        case .success(let keys):
            take(keys, readAt: start)
            isRead = true
        case .failure(let error): miss(error)
        }
        let late = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in early { continuation.resume(returning: isRead ? .fresh : .failed) }
        for continuation in late { continuation.resume(returning: isRead ? .older : .failed) }
    }

    private func take(_ keys: [APIKey], readAt: ContinuousClock.Instant) {
        let wasAway = state.withLock { state in
            state.keys = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
            state.readAt = readAt
            defer { state.isAway = false }
            return state.isAway
        }
        if wasAway { logger.info("API keys are read again") }
    }

    private func miss(_ error: LedgerError) {
        let isNews = state.withLock { state in
            defer { state.isAway = true }
            return !state.isAway
        }
        guard isNews else { return }
        logger.warning(
            "API keys cannot be read; those that are known are honoured for a while",
            metadata: [.left: "\(outageMax.text)", .error: "\(error)"])
    }
}
