// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// Who may use a route.
package enum AccessRule: Sendable, Equatable {
    /// Everybody.
    case open
    /// A program whose key has this scope.
    case scope(APIScope, Reach = .ownQueues)
    /// A user of the application. The route itself keeps to the objects of that user.
    case user
    /// Either of them: a user, whom the route keeps to the objects of that user, or a program whose key has this scope.
    case userOrScope(APIScope, Reach = .ownQueues)

    /// What of the mill a route touches.
    package enum Reach: Sendable, Equatable {
        /// What is in the queues of the key; the route itself keeps all else from it, as if it were not there.
        case ownQueues
        /// This queue: the key has to be for it.
        case queue(QueueName)
        /// What belongs to no queue: a key that is for some queues only is refused.
        case allQueues
    }

    var admitsUsers: Bool {
        switch self {
        case .user, .userOrScope: true
        case .open, .scope: false
        }
    }

    /// - Throws: the problem to answer with, unless the caller may use the route.
    func check(_ caller: Caller) throws(Problem) {
        switch (self, caller) {
        case (.open, _), (.user, .user), (.userOrScope, .user): return
        case (.scope(let scope, let reach), .key(let key)), (.userOrScope(let scope, let reach), .key(let key)):
            guard key.allows(scope) else { throw .missingScope(scope) }
            switch reach {
            case .ownQueues: return
            case .queue(let queue):
                guard key.isFor(queue) else { throw Problem(.missingScope, "this key is not for the queue \(queue)") }
            case .allQueues:
                guard key.queues == nil else {
                    throw Problem(.missingScope, "this key is for certain queues, and this concerns all of them")
                }
            }
        case (.user, _): throw Problem(.missingScope, "this is for the application's users, not for API keys")
        case (.scope(let scope, _), _), (.userOrScope(let scope, _), _): throw .missingScope(scope)
        }
    }
}

extension Problem {
    static func missingScope(_ scope: APIScope) -> Problem {
        var problem = Problem(.missingScope, "this needs an API key with the scope \(scope.rawValue)")
        problem.scope = scope
        problem.challenge = "Bearer error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
        return problem
    }

    static func tooManyRequests(_ limit: Int, wait: Duration) -> Problem {
        var problem = Problem(.tooManyRequests, "this key has more than \(limit) requests a second")
        problem.retryAfter = max(1, Int((wait.milliseconds + 999) / 1000))
        return problem
    }
}
