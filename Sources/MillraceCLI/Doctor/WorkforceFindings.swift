// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Jobs that nobody takes, or that nobody who takes them has a handler for.
enum WorkforceFindings {
    /// The newest ready jobs, among which kinds without a handler are looked for.
    private static let jobsMax = 500

    static func read(_ stores: Stores) async throws -> [Finding] {
        let rows = try await QueueRow.read(stores)
        let workforce = Workforce(try await stores.broker.workers())
        let ready = try await stores.ledger.list(JobQuery(state: .ready, limit: jobsMax)).jobs
        let memory = try await stores.broker.memory()
        return findings(rows, workforce, ready: ready) + room(memory, rows)
    }

    private static func room(_ memory: BrokerMemory, _ rows: [QueueRow]) -> [Finding] {
        RoomRemark.text(memory, unpushed: rows.unpushed)
            .map { [Finding(severity: .warning, part: "redis", text: $0)] } ?? []
    }

    static func findings(_ rows: [QueueRow], _ workforce: Workforce, ready: [JobSummary]) -> [Finding] {
        let count = workforce.workers.count
        let unserved = rows.filter(\.isUnserved).map(\.unservedRemark)
        let byPlace = Dictionary(grouping: ready) { Place(queue: $0.queue, kind: $0.kind) }
        let unknown = byPlace.filter { !workforce.mayKnow($0.key.kind, in: $0.key.queue) }
            .sorted { ($0.key.queue, $0.key.kind.name) < ($1.key.queue, $1.key.kind.name) }
            .map { place, jobs in
                "no live worker process of the queue \(place.queue) has a handler for the kind \(place.kind), of which "
                    + "\(jobs.count)\(ready.count == jobsMax ? " or more" : "") wait"
            }
        return [Finding(severity: .ok, part: "workers", text: "\(count) worker processes give word")]
            + (unserved + unknown).map { Finding(severity: .warning, part: "workers", text: $0) }
    }

    private struct Place: Hashable {
        let queue: QueueName
        let kind: JobKind
    }
}
