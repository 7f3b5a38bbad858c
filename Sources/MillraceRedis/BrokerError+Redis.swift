// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver

extension BrokerError {
    /// The one place where Redis's errors become the broker's. The message keeps Redis's words.
    ///
    /// An error that Redis answered before a script's first write says that nothing was done; all of ours check before they write.
    init(_ error: RedisError) {
        self.init(Self.code(of: error), error.message)
    }

    private static func code(of error: RedisError) -> Code {
        switch error.code {
        // A log-in that was refused is why there is no connection.
        case .unavailable: error.underlying.map(isForOperator) == true ? .misconfigured : .unavailable
        case .outcomeUnknown: .outcomeUnknown
        case .cancelled: .cancelled
        case .overloaded: .overloaded
        case .epochMismatch: .epochMismatch
        case .outOfMemory: .full
        case .readOnly, .loading, .masterDown, .busy, .clusterDown, .moved, .ask, .tryAgain,
            .unblocked, .noReplicas:
            .unavailable
        case let code where isForOperator(code): .misconfigured
        default: .protocolViolation
        }
    }

    private static func isForOperator(_ code: RedisError.Code) -> Bool {
        // MISCONF: it cannot write its file, as a rule for want of disk.
        [.wrongPassword, .noAuth, .noPermission, .invalidConfiguration, .misconfigured].contains(code)
    }
}

extension RedisError.Code {
    /// What `reserve-jobs` answers when the queue's epoch is not the caller's.
    fileprivate static let epochMismatch = RedisError.Code(rawValue: "EPOCH")
}

/// Runs `body`, and turns the driver's error into the contract's.
func asBroker<Value>(_ body: () async throws(RedisError) -> Value) async throws(BrokerError) -> Value {
    do throws(RedisError) {
        return try await body()
    } catch {
        throw BrokerError(error)
    }
}

/// The same for reading a reply.
func asBroker<Value>(_ body: () throws(RedisError) -> Value) throws(BrokerError) -> Value {
    do throws(RedisError) {
        return try body()
    } catch {
        throw BrokerError(error)
    }
}
