// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Runs what blocks on files off the cooperative pool.
enum FileThreads {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}
