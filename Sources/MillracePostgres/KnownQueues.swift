// SPDX-License-Identifier: Apache-2.0

import Millrace
import Synchronization

/// Queues that surely have a row in the ledger: it is committed, and queues are never deleted.
final class KnownQueues: Sendable {
    private let names = Mutex<Set<QueueName>>([])
    /// Beyond it this forgets all, which costs a statement each.
    private static let countMax = 10_000

    /// Those without a known row, sorted.
    func unknown(of queues: some Sequence<QueueName>) -> [QueueName] {
        let queues = Set(queues)
        return names.withLock { queues.subtracting($0) }.sorted()
    }

    func add(_ queues: [QueueName]) {
        guard !queues.isEmpty else { return }
        names.withLock { names in
            if names.count + queues.count > Self.countMax { names = [] }
            names.formUnion(queues)
        }
    }

    func forget(_ queue: QueueName) {
        names.withLock { _ = $0.remove(queue) }
    }
}

/// Idempotency keys whose request this process is writing.
final class KeysInFlight: Sendable {
    private struct Key: Hashable {
        let scope: String
        let key: String
    }

    private let keys = Mutex<Set<Key>>([])

    /// False while another request with this key is being written.
    func begin(_ idempotency: Idempotency) -> Bool {
        keys.withLock { $0.insert(Key(scope: idempotency.scope, key: idempotency.key)).inserted }
    }

    func end(_ idempotency: Idempotency) {
        keys.withLock { _ = $0.remove(Key(scope: idempotency.scope, key: idempotency.key)) }
    }
}
