// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// Who sends a request.
package enum Caller: Sendable, Equatable {
    /// Nobody was asked: the route is open.
    case anyone
    /// A program.
    case key(APIKey)
    /// A user of the application, by the application's own id.
    case user(String)

    /// The queues whose jobs it may see; nil for all.
    package var visibleQueues: Set<QueueName>? {
        if case .key(let key) = self { key.queues } else { [] }
    }

    package func allows(_ scope: APIScope) -> Bool {
        if case .key(let key) = self { key.allows(scope) } else { false }
    }

    package func isFor(_ queue: QueueName) -> Bool {
        visibleQueues?.contains(queue) ?? true
    }

    /// Whose an idempotency key is, so that those of different callers never meet.
    var idempotencyScope: String {
        switch self {
        case .anyone: "anyone"
        case .key(let key): "key:\(key.id)"
        case .user(let id): "user:\(id)"
        }
    }
}

/// Tells who bears a token.
package protocol Authenticator: Sendable {
    /// - Parameter token: what stands behind `Authorization: Bearer`.
    /// - Returns: nil for a token of another kind, and for one that is not, or no more, good.
    /// - Throws: a problem when that cannot be told, or the caller may not go on now.
    func caller(bearing token: String) async throws(Problem) -> Caller?
}
