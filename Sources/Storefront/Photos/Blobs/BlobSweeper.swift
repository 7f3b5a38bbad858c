// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOPosix
import ServiceLifecycle

/// Deletes what was left behind: blobs that no row refers to, and uploads that were cut off, a day after they were
/// written.
///
/// A process that ends between the blob and its row leaves an orphan, and so does a deletion that could not finish. Any
/// number of processes may sweep at once.
struct BlobSweeper: Service {
    private static let interval: Duration = .seconds(3600)
    /// After the start, and after a failure.
    private static let shortInterval: Duration = .seconds(60)

    private let files: PhotoFiles
    private let age: Duration
    private let logger: Logger

    init(files: PhotoFiles, age: Duration = PhotoLimits.orphanAge, logger: Logger) {
        self.files = files
        self.age = age
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var pause = Self.shortInterval
            while (try? await Task.sleep(for: pause)) != nil {
                do {
                    let count = try await sweep()
                    if count > 0 { logger.info("orphaned blobs deleted", metadata: [.count: "\(count)"]) }
                    pause = Self.interval
                } catch let error as BlobError where error.code == .failed {
                    // Nothing else might tell an operator, as uploads may well be allowed where this is not.
                    logger.warning("sweep of blobs is refused", metadata: [.error: "\(error)"])
                    pause = Self.interval
                } catch {
                    logger.debug("sweep of blobs failed", metadata: [.error: "\(error)"])
                    pause = Self.shortInterval
                }
            }
        }
    }

    /// Goes through all blobs once; returns how many files it deleted.
    func sweep() async throws -> Int {
        let (blobs, age) = (try await files.blobs(), age)
        let remover = BlobRemover(ledger: files.ledger, blobs: blobs)
        var count = try await FileThreads.run { () throws(BlobError) in try blobs.removeStaged(olderThan: age) }
        try await remover.forgetDoomed()
        for byte in UInt8.min...UInt8.max {
            let old = try await FileThreads.run { () throws(BlobError) in
                try blobs.blobs(beginningWith: byte, olderThan: age)
            }
            for start in stride(from: 0, to: old.count, by: Limits.storeBatchMax) {
                let batch = Array(old[start..<min(start + Limits.storeBatchMax, old.count)])
                for digest in try await remover.unreferenced(batch) {
                    try Task.checkCancellation()
                    if try await remover.remove(digest, olderThan: age) { count += 1 }
                }
            }
        }
        return count
    }
}
