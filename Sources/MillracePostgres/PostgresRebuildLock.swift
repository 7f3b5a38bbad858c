// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func lockRebuild(of queue: QueueName) async throws(LedgerError) -> (any RebuildLock)? {
        // FNV-1a: the same in every process.
        let hash = "millrace.rebuild.\(queue)".utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        do throws(PostgresError) {
            return try await AdvisoryLock.tryAcquire(
                key: Int64(bitPattern: hash), configuration.session(), deadline: configuration.callTimeout
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
