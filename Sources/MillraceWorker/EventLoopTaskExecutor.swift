// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Keeps everything that a task does on one event loop.
///
/// That the worker's parts are actors on the event loop is not enough: whatever a continuation resumes goes over the task's
/// preferred executor first, and without a preference that is the cooperative pool, which handlers may hog for minutes.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
