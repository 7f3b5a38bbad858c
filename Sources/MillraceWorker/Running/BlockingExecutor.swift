// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Threads for handlers that block (image codecs, libcurl), so that they never hold up the cooperative pool, which has one thread
/// per core.
final class BlockingExecutor: TaskExecutor {
    private let pool: NIOThreadPool

    /// - Parameter threads: as many as handlers may run at once; at most 64 are made.
    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: min(threads, 64))
        pool.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
