// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// One chore that every worker process does again and again, such as promoting or sweeping.
///
/// All of them are harmless when several processes do them at once, and lose nothing when one stops in the middle.
protocol Chore: Actor {
    /// What logs call it.
    static var name: String { get }

    /// Does it once; returns the pause until the next time.
    func once() async throws -> Duration
}

/// Does chores until it is cancelled, each in a loop of its own, on the event loop; after an error a chore pauses with full jitter.
actor Upkeep {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private nonisolated let eventLoop: any EventLoop
    private let chores: [any Chore]
    private let logger: Logger

    init(eventLoop: any EventLoop, chores: [any Chore], logger: Logger) {
        self.eventLoop = eventLoop
        self.chores = chores
        self.logger = logger
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            for chore in chores { group.addTask { await self.repeatedly(chore) } }
        }
    }

    private func repeatedly(_ chore: any Chore) async {
        var backoff = LoopBackoff()
        while !Task.isCancelled {
            do {
                let pause = try await chore.once()
                backoff.reset()
                await eventLoop.sleep(for: pause)
            } catch {
                logger.debug("chore failed", metadata: [.part: "\(type(of: chore).name)", .error: "\(error)"])
                await eventLoop.sleep(for: backoff.next())
            }
        }
    }
}
