// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace

extension Problem {
    /// What a caller is told of the ledger's refusal; the store's own words go to the log alone.
    package init(_ error: LedgerError, logger: Logger) {
        switch error.code {
        case .overloaded:
            self = .overloaded("too many requests wait for the ledger")
        case .rejected:
            let pointer = error.index.map { "/\($0)" } ?? ""
            self.init(.invalidField, Faults(Fault(pointer, "the ledger refuses this job: \(error.message)")))
        case .keyReused:
            self.init(
                .keyReused, "this Idempotency-Key was used with another method, path or body within the last 24 hours")
        case .keyInFlight:
            self.init(.keyInFlight, "the first request with this Idempotency-Key is still being written")
            retryAfter = 1
        case .outcomeUnknown:
            self = .away("the ledger (PostgreSQL) did not confirm; the request may have been carried out")
        case .unavailable, .cancelled:
            self = .away("the ledger (PostgreSQL) does not answer")
        case .schemaUnknown, .misconfigured:
            logger.error("the ledger needs an operator", metadata: [.error: "\(error)"])
            self = .away("the ledger (PostgreSQL) refuses to work until an operator has seen to it")
        default:
            self = .unexpected(error, logger: logger)
        }
    }

    /// What a caller is told of the broker's refusal.
    init(_ error: BrokerError, logger: Logger) {
        switch error.code {
        case .overloaded:
            self = .overloaded("too many requests wait for the broker")
        case .full:
            self = .overloaded(
                "the broker (Redis) has no room, which a job of durability redis needs; one of durability postgres is taken"
            )
        case .unavailable, .outcomeUnknown, .cancelled, .epochMismatch:
            self = .away("the broker (Redis) does not answer")
        case .misconfigured:
            logger.error("the broker needs an operator", metadata: [.error: "\(error)"])
            self = .away("the broker (Redis) refuses to work until an operator has seen to it")
        default:
            self = .unexpected(error, logger: logger)
        }
    }

    package static func away(_ detail: String) -> Problem {
        var problem = Problem(.unavailable, detail)
        problem.retryAfter = 1
        return problem
    }

    package static func overloaded(_ detail: String) -> Problem {
        var problem = Problem(.overloaded, detail)
        problem.retryAfter = 1
        return problem
    }

    package static func unexpected(_ error: any Error, logger: Logger) -> Problem {
        logger.error("a request failed for no known reason", metadata: [.error: "\(error)"])
        return Problem(.internalError, "the server's log says more under this answer's X-Request-Id")
    }
}
