// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension RedisClient {
    /// Sends a command and waits for its reply.
    ///
    /// Cancelling the task ends the wait at once and disturbs no other caller; the command may still run.
    /// - Parameter deadline: how long Redis may take; nil for the configuration's `commandDeadline`. Passed, the
    ///   connection is closed.
    /// - Throws: `.unavailable` or `.overloaded` (not sent), `.outcomeUnknown` or `.cancelled` (may have run), or
    ///   Redis's own code.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RedisReply {
        let call = RedisCall(label: command.label, timeout: deadline ?? configuration.commandDeadline)
        let entry = QueuedCommand(command, call)
        return try await call.outcome { submit(entry) }
    }

    /// As ``send(_:deadline:)``, for callers on an event loop. The future fails with `RedisError` only.
    package func submit(_ command: RedisCommand, deadline: Duration? = nil) -> EventLoopFuture<RedisReply> {
        let promise = eventLoop.makePromise(of: RedisReply.self)
        let timeout = deadline ?? configuration.commandDeadline
        submit(QueuedCommand(command, RedisCall(label: command.label, timeout: timeout, promise: promise)))
        return promise.futureResult
    }

    /// Runs a script, which Redis gets to know if it does not yet: then it takes a second round trip and up to twice
    /// the deadline.
    /// - Throws: as ``send(_:deadline:)``.
    package func run(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument] = [], deadline: Duration? = nil
    ) async throws(RedisError) -> RedisReply {
        do throws(RedisError) {
            return try await send(script.evaluateByDigest(keys: keys, arguments: arguments), deadline: deadline)
        } catch {
            guard error.code == .noScript else { throw error.inScript(script) }
        }
        do throws(RedisError) {
            return try await send(script.evaluateSource(keys: keys, arguments: arguments), deadline: deadline)
        } catch {
            throw error.inScript(script)
        }
    }

    /// As ``run(_:keys:arguments:deadline:)``, for callers on an event loop. The future fails with `RedisError` only.
    package func submit(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument] = [], deadline: Duration? = nil
    ) -> EventLoopFuture<RedisReply> {
        submit(script.evaluateByDigest(keys: keys, arguments: arguments), deadline: deadline)
            .flatMapError { error in
                guard (error as? RedisError)?.code == .noScript else { return self.eventLoop.makeFailedFuture(error) }
                return self.submit(script.evaluateSource(keys: keys, arguments: arguments), deadline: deadline)
            }
            .flatMapErrorThrowing { throw ($0 as? RedisError)?.inScript(script) ?? $0 }
    }
}

extension RedisError {
    fileprivate func inScript(_ script: RedisScript) -> RedisError {
        RedisError(code, "script \(script.name): \(message)", underlying: underlying)
    }
}
