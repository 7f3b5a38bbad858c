// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Queues: what lies in them, and whether it may run.
struct QueueRoutes: Sendable {
    let stores: Stores
    let catalog: JobCatalog

    var routes: [Route] {
        [
            Route(.get, "/v1/queues", .scope(.read)) { (request) throws(Problem) in try await list(request) },
            Route(.get, "/v1/queues/{queue}", .scope(.read)) { (request) throws(Problem) in try await show(request) },
            Route(.post, "/v1/queues/{queue}/pause", .scope(.operate)) { (request) throws(Problem) in
                try await setPaused(true, request)
            },
            Route(.post, "/v1/queues/{queue}/resume", .scope(.operate)) { (request) throws(Problem) in
                try await setPaused(false, request)
            },
        ]
    }

    private func list(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let facts = try await facts(request)
        let views = try await views(of: facts.names.filter(request.caller.isFor), facts, request)
        return Answer { json in
            json.member("queues") { json in json.array(views) { json, view in view.write(to: &json) } }
        }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let queue = try request.queueName()
        guard request.caller.isFor(queue) else { throw .noQueue(queue) }
        let facts = try await facts(request)
        guard facts.names.contains(queue), let view = try await views(of: [queue], facts, request).first else {
            throw .noQueue(queue)
        }
        var json = JSONWriter()
        view.write(to: &json)
        return Answer(body: json.bytes)
    }

    /// The ledger first: from then on it grants no claim of a paused queue, whatever the broker knows.
    private func setPaused(_ isPaused: Bool, _ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let queue = try request.queueName()
        try await request.body.expectNone()
        guard request.caller.isFor(queue) else { throw .noQueue(queue) }
        let settings = try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in
            try await ledger.queues()
        }
        guard names(settings).contains(queue) else { throw .noQueue(queue) }
        try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in
            try await ledger.setPaused(isPaused, queue: queue)
        }
        try await stores.broker(request.logger) { (broker) throws(BrokerError) in
            try await broker.configure(queue, isPaused: isPaused, epoch: nil)
        }
        return Answer { json in
            json.member("name", queue.name)
            json.member("paused", isPaused)
        }
    }

    /// What the ledger says of all queues.
    private struct Facts {
        let names: [QueueName]
        let paused: Set<QueueName>
        let flagged: [QueueName: FlaggedCount]
        let finished: [QueueName: FinishedCounts]
    }

    private func facts(_ request: APIRequest) async throws(Problem) -> Facts {
        let (settings, flagged, finished) = try await stores.ledger(request.logger) {
            (ledger) throws(LedgerError) -> ([QueueSettings], [QueueName: FlaggedCount], [QueueName: FinishedCounts]) in
            (try await ledger.queues(), try await ledger.flaggedCounts(), try await ledger.finishedCounts())
        }
        return Facts(
            names: names(settings).union(finished.keys).sorted(), paused: Set(settings.filter(\.isPaused).map(\.queue)),
            flagged: flagged,
            finished: finished)
    }

    /// The queues that jobs were accepted for, and those that kinds name.
    private func names(_ settings: [QueueSettings]) -> Set<QueueName> {
        let ofKinds = catalog.kinds.compactMap { catalog.definition(of: $0)?.options.queue }
        return Set(settings.map(\.queue)).union(ofKinds)
    }

    private func views(
        of queues: [QueueName], _ facts: Facts, _ request: APIRequest
    ) async throws(Problem) -> [QueueView] {
        let (statuses, workforce) = try await stores.broker(request.logger) {
            (broker) throws(BrokerError) -> ([QueueStatus], Workforce) in
            (try await broker.status(of: queues), Workforce(try await broker.workers()))
        }
        let now = Timestamp.now()
        let byQueue = Dictionary(statuses.map { ($0.queue, $0) }) { first, _ in first }
        return queues.map { queue in
            QueueView(
                status: byQueue[queue] ?? QueueStatus(queue: queue), isPaused: facts.paused.contains(queue),
                flagged: facts.flagged[queue] ?? FlaggedCount(0), finished: facts.finished[queue] ?? FinishedCounts(),
                workers: workforce.takers(of: queue).count, now: now)
        }
    }
}

extension Problem {
    fileprivate static func noQueue(_ queue: QueueName) -> Problem {
        Problem(.notFound, "there is no queue \(queue); a queue comes with its first job, or with a kind that names it")
    }
}
