// SPDX-License-Identifier: Apache-2.0

import CLibPQ
import Synchronization

/// A `PQcancel` under way on a thread of its own: it connects anew and blocks, for ever if the server is frozen.
///
/// It aims at the backend, not at a statement. So the connection sends nothing more before `isDone`, or is given up.
///
/// Unchecked, as the compiler cannot see through the pointer: libpq documents `PGcancel` as immutable and `PQcancel` as
/// safe on any thread, and it is freed once, when nobody can use it any more.
final class CancelRequest: @unchecked Sendable {
    /// Requests stuck on frozen servers, beyond which connections are given up without asking.
    private static let inFlightMax = 64
    private static let inFlight = Atomic(0)

    private let handle: OpaquePointer
    private let done = Atomic(false)

    var isDone: Bool { done.load(ordering: .acquiring) }

    /// Starts one; wakes `wakeup` when it is done. Nil if too many are stuck.
    static func start(for connection: OpaquePointer, waking wakeup: WakePipe) -> CancelRequest? {
        guard inFlight.add(1, ordering: .relaxed).newValue <= inFlightMax, let handle = PQgetCancel(connection) else {
            inFlight.subtract(1, ordering: .relaxed)
            return nil
        }
        let request = CancelRequest(handle)
        ThreadExecutor.passing().execute {
            request.run()
            wakeup.wake()
        }
        return request
    }

    private init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQfreeCancel(handle) }

    private func run() {
        // Whether it was delivered does not matter here: the statement ends, or the grace does.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            _ = PQcancel(handle, message.baseAddress, 256)
        }
        Self.inFlight.subtract(1, ordering: .relaxed)
        done.store(true, ordering: .releasing)
    }
}
