// SPDX-License-Identifier: Apache-2.0

/// The worker processes that live, and what they take, by what they reported.
package struct Workforce: Sendable {
    package let workers: [WorkerReport]

    package init(_ workers: [WorkerReport]) {
        self.workers = workers
    }

    /// Those that take jobs from a queue. One that drains takes no more, and one that runs
    /// suspects of a crash takes nothing else.
    package func takers(of queue: QueueName) -> [WorkerReport] {
        workers.filter { !$0.isDraining && !$0.isAlone && $0.queues.contains(queue.name) }
    }

    /// Whether jobs of a kind meet a handler in a queue: false only when there are takers and each says that it has none.
    package func mayKnow(_ kind: JobKind, in queue: QueueName) -> Bool {
        let takers = takers(of: queue)
        return takers.isEmpty || takers.contains { $0.kinds?.contains(kind.name) ?? true }
    }
}
