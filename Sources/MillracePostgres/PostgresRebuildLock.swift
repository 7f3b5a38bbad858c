// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func lockRebuild(of queue: QueueName) async throws(LedgerError) -> (any RebuildLock)? {
        do throws(PostgresError) {
            return try await AdvisoryLock.tryAcquire(
                key: AdvisoryLock.key(of: "millrace.rebuild.\(queue)"), configuration.session(),
                deadline: configuration.callTimeout
            ).map(PostgresRebuildLock.init)
        } catch {
            throw LedgerError(error)
        }
    }
}

/// A lock of a session of its own: it ends with the session, whatever ends that.
struct PostgresRebuildLock: RebuildLock {
    let lock: AdvisoryLock

    func isHeld() async -> Bool { await lock.isHeld() }

    func release() async { await lock.release() }
}
