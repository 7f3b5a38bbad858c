// SPDX-License-Identifier: Apache-2.0

import MillraceAPI
import NIOPosix
import Synchronization

/// Hashes passwords on threads of its own, few at a time, as each takes a core and 19 MiB; beyond a bounded queue it
/// refuses.
final class PasswordHasher: Sendable {
    /// They live as long as the process.
    private static let threads = {
        let threads = NIOThreadPool(numberOfThreads: AccountLimits.hashesMax)
        threads.start()
        return threads
    }()

    private let limit: Int
    private let underWay = Mutex(0)

    /// - Parameter waitersMax: passwords that may wait while others are hashed.
    init(waitersMax: Int = AccountLimits.hashWaitersMax) {
        limit = AccountLimits.hashesMax + waitersMax
    }

    func hash(_ password: Password) async throws -> PasswordHash {
        try await run { try PasswordHash(password) }
    }

    /// - Throws: a problem, 503, when too many passwords wait already; `CancellationError`; what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        guard enter() else { throw Problem.overloaded("\(limit) passwords are being checked already") }
        defer { leave() }
        return try await Self.threads.runIfActive(body)
    }

    private func enter() -> Bool {
        underWay.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    private func leave() {
        underWay.withLock { $0 -= 1 }
    }
}
