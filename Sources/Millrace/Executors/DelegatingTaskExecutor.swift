// SPDX-License-Identifier: Apache-2.0

/// Keeps everything that a task does where blocks can be handed to: on an event loop, or on a thread.
///
/// That a part is an actor there is not enough: whatever a continuation resumes goes over the task's preferred executor first, and
/// without a preference that is the cooperative pool, which handlers may hog for minutes (docs/decisions/0002).
package final class DelegatingTaskExecutor: TaskExecutor {
    private let execute: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// - Parameter execute: runs blocks one after the other, in their order.
    package init(_ execute: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.execute = execute
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
