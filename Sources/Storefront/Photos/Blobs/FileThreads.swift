// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Runs what blocks on files and buckets off the cooperative pool.
enum FileThreads {
    /// So many wait for a distant store at a time, and nobody else waits behind them.
    private static let count = 64
    /// They live as long as the process.
    private static let threads = {
        let threads = NIOThreadPool(numberOfThreads: count)
        threads.start()
        return threads
    }()

    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await threads.runIfActive(body)
    }
}
