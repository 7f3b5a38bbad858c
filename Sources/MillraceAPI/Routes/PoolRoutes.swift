// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Worker processes, and how many of them each pool should have.
struct PoolRoutes: Sendable {
    let stores: Stores
    let pools: [APIServer.Pool]

    var routes: [Route] {
        [
            Route(.get, "/v1/workers", .scope(.read)) { (request) throws(Problem) in try await listWorkers(request) },
            Route(.get, "/v1/pools", .scope(.read, .allQueues)) { (request) throws(Problem) in try await list(request)
            },
            Route(.get, "/v1/pools/{pool}", .scope(.read, .allQueues)) { (request) throws(Problem) in
                try await show(request)
            },
            Route(.put, "/v1/pools/{pool}", .scope(.admin, .allQueues)) { (request) throws(Problem) in
                try await scale(request)
            },
        ]
    }

    private func listWorkers(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let workers = try await stores.broker(request.logger) { (broker) throws(BrokerError) in
            try await broker.workers()
        }
        let visible = workers.compactMap { $0.seen(by: request.caller) }
        return Answer { json in
            json.member("workers") { json in json.array(visible) { json, worker in json.worker(worker) } }
        }
    }

    private func list(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let counts = try await counts(request)
        return Answer { json in
            json.member("pools") { json in
                json.array(pools) { json, pool in json.object { $0.pool(pool, wished: counts[pool.name]) } }
            }
        }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let pool = try pool(request)
        let counts = try await counts(request)
        return Answer { $0.pool(pool, wished: counts[pool.name]) }
    }

    private func scale(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let pool = try pool(request)
        let count = try await request.body.withBytes(upTo: APILimits.otherBytesMax) { (bytes) throws(Problem) in
            try Self.count(in: bytes)
        }
        try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in
            try await ledger.setPoolCount(count, pool: pool.name)
        }
        return Answer { $0.pool(pool, wished: count) }
    }

    private func pool(_ request: APIRequest) throws(Problem) -> APIServer.Pool {
        let name = request.pathParameters["pool"] ?? ""
        guard let pool = pools.first(where: { $0.name == name }) else {
            let advice =
                pools.isEmpty ? "this server knows no pools" : NearestName.advice(for: name, among: pools.map(\.name))
            throw Problem(.notFound, "there is no pool \(name.quoted); \(advice)")
        }
        return pool
    }

    private func counts(_ request: APIRequest) async throws(Problem) -> [String: Int] {
        try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in try await ledger.poolCounts() }
    }

    /// The wished count, nil to return to the file's.
    private static func count(in bytes: [UInt8]) throws(Problem) -> Int? {
        let text: JSONText
        do throws(JSONError) {
            text = try JSONText(checking: bytes, nestingMax: 2)
        } catch {
            throw Problem(.malformedJSON, Faults(Fault(error.pointer, error.told)))
        }
        var faults = Faults()
        var count: Int?
        let members = text.members(of: text.root, atMost: 64)
        for member in members where member.name != "count" {
            faults.append(.unknownMember(member.name, known: ["count"]))
        }
        let given = members.filter { $0.name == "count" }
        if given.count != 1 {
            faults.append(Fault("/count", given.isEmpty ? "missing" : "given more than once"))
        } else if let value = given.first?.value, value.kind != .null {
            count = text.integer(value).flatMap { 0...APILimits.poolCountMax ~= $0 ? $0 : nil }
            if count == nil {
                faults.append(
                    Fault(
                        "/count", "expected a whole number from 0 to \(APILimits.poolCountMax), or null for the file's")
                )
            }
        }
        guard faults.isEmpty else { throw Problem(.invalidField, faults) }
        return count
    }
}

extension JSONWriter {
    fileprivate mutating func pool(_ pool: APIServer.Pool, wished: Int?) {
        member("name", pool.name)
        member("count", wished ?? pool.fileCount)
        member("file_count", pool.fileCount)
    }
}

extension WorkerReport {
    /// What a caller may see of it: nothing of queues that are none of the caller's; nil for nothing at all. The counts
    /// are those of the whole process.
    fileprivate func seen(by caller: Caller) -> WorkerReport? {
        guard let visible = caller.visibleQueues.map({ Set($0.map(\.name)) }) else { return self }
        var report = self
        report.queues.removeAll { !visible.contains($0) }
        report.longest.removeAll { !visible.contains($0.queue) }
        return report.queues.isEmpty ? nil : report
    }
}
