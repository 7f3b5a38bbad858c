// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// A broker that is compared with the model, step by step.
package protocol BrokerSubject: Sendable {
    var broker: any JobBroker { get }

    /// Stops the broker's clock at a time. The time within tokens need not follow.
    func setClock(to timestamp: Timestamp) async throws

    /// All that the broker knows of a queue's jobs.
    func snapshot(of queue: QueueName) async throws -> BrokerSnapshot

    /// Takes all of a queue's data away, its settings included, as a lost server would.
    func lose(_ queue: QueueName) async throws
}

/// Where every job of a queue is.
package struct BrokerSnapshot: Sendable, Equatable {
    package struct Scheduled: Sendable, Equatable {
        package var lane: Priority
        package var due: Timestamp

        package init(lane: Priority, due: Timestamp) {
            self.lane = lane
            self.due = due
        }
    }

    /// Empty ones are those of cancelled jobs whose entry is still to be met.
    package var envelopes: [JobID: [UInt8]]
    /// Oldest first.
    package var lanes: [Priority: [JobID]]
    /// Oldest first, each with the number of the lane that it goes back to.
    package var quarantine: [[UInt8]]
    package var scheduled: [JobID: Scheduled]
    /// With their deadlines.
    package var leases: [Lease: Timestamp]

    package init(
        envelopes: [JobID: [UInt8]], lanes: [Priority: [JobID]], quarantine: [[UInt8]] = [],
        scheduled: [JobID: Scheduled], leases: [Lease: Timestamp]
    ) {
        self.envelopes = envelopes
        self.lanes = lanes
        self.quarantine = quarantine
        self.scheduled = scheduled
        self.leases = leases
    }
}

extension MemoryBroker {
    /// Where every job of a queue is.
    package func snapshot(of queue: QueueName) -> BrokerSnapshot {
        let entry = self.queue(queue)
        return BrokerSnapshot(
            envelopes: entry.envelopes, lanes: entry.lanes,
            quarantine: entry.quarantine.map { $0.id.bytes + [$0.lane.rawValue] },
            scheduled: entry.scheduled.mapValues { BrokerSnapshot.Scheduled(lane: $0.lane, due: $0.due) },
            leases: entry.leases)
    }
}
