// SPDX-License-Identifier: Apache-2.0

package import Logging
import Synchronization

/// Keeps an eye on the broker's memory, for all of a process that pushes.
///
/// There is nothing to start: whoever wants to push and finds the last reading too old reads anew, and nobody waits for a
/// reading but the one that makes it. So a submission costs no round trip, save one in a quarter of a second.
///
/// When nothing is known of the memory there is room: a push is a hint, and one that is refused says so.
package final class RoomWatch: Sendable {
    private let broker: any JobBroker
    private let logger: Logger
    private let estimate = Mutex(RoomEstimate())

    package init(broker: any JobBroker, logger: Logger) {
        self.broker = broker
        self.logger = logger
    }

    package var isReadingDue: Bool { estimate.withLock { $0.isReadingDue(at: .now) } }

    /// Reads the broker's memory if that is due.
    package func refresh() async {
        guard let inquiry = estimate.withLock({ $0.beginReading(at: .now) }) else { return }
        do throws(BrokerError) {
            let memory = try await broker.memory()
            tell(estimate.withLock { $0.endReading(inquiry, memory, at: .now) }, memory)
        } catch {
            tell(estimate.withLock { $0.endReading(inquiry, nil, at: .now) }, nil)
            logger.debug("the broker's memory was not read", metadata: [.error: "\(error)"])
        }
    }

    /// False while new jobs wait in the ledger.
    package var isOpen: Bool { estimate.withLock { $0.isOpen } }

    package func free(for level: RoomEstimate.Level) -> Int { estimate.withLock { $0.free(for: level) } }

    /// How much of the room for urgent pushes is free, from 0 to 1.
    package var urgentShare: Double { estimate.withLock { $0.urgentShare } }

    /// Takes room for a push, if there is as much: `finish` says when that is over.
    package func take(_ bytes: Int, for level: RoomEstimate.Level) -> Bool {
        let (isTaken, hasClosed, memory) = estimate.withLock { estimate in
            let wasOpen = estimate.isOpen
            let isTaken = estimate.take(bytes, for: level)
            return (isTaken, wasOpen && !estimate.isOpen, estimate.memory)
        }
        if hasClosed { tell(.closed, memory) }
        return isTaken
    }

    package func finish(_ bytes: Int) {
        estimate.withLock { $0.finish(bytes) }
    }

    /// The broker refused a push for want of memory.
    package func noteFull() {
        tell(estimate.withLock { $0.noteFull(at: .now) }, nil)
    }

    /// A line for each time that the mark is passed.
    private func tell(_ change: RoomEstimate.Change?, _ memory: BrokerMemory?) {
        var facts: [LogKey: Logger.MetadataValue] = [:]
        if let memory { facts = [.usedBytes: "\(memory.usedBytes)", .count: "\(memory.liveJobs)"] }
        if let limit = memory?.bytesMax { facts[.bytesMax] = "\(limit)" }
        switch change {
        case .closed:
            logger.warning("broker is above its high-water mark, new jobs wait in the ledger", metadata: facts)
        case .opened:
            logger.info("broker has room again, new jobs are pushed at once", metadata: facts)
        case nil:
            break
        }
    }
}
