// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Whether this process lives, and whether it could accept a job now.
struct HealthRoutes: Sendable {
    let stores: Stores

    var routes: [Route] {
        [
            Route(.get, "/livez", .open) { (request) throws(Problem) in
                _ = try request.query()
                return Answer { $0.member("live", true) }
            },
            Route(.get, "/readyz", .open) { (request) throws(Problem) in
                _ = try request.query()
                return await ready()
            },
        ]
    }

    /// Ready as long as the ledger is: without the broker jobs are accepted too, and run when it is back.
    private func ready() async -> Answer {
        async let ledger = stores.ledgerResult { (ledger) throws(LedgerError) in try await ledger.check() }
        async let broker = stores.brokerResult { (broker) throws(BrokerError) in try await broker.serverID() }
        let (isLedgerThere, isBrokerThere) = (await ledger.isSuccess, await broker.isSuccess)
        var answer = Answer(status: isLedgerThere ? .ok : .serviceUnavailable) { json in
            json.member("ready", isLedgerThere)
            json.member("ledger", isLedgerThere ? "ok" : "away")
            json.member("broker", isBrokerThere ? "ok" : "away")
        }
        if !isLedgerThere { answer.headers[.retryAfter] = "1" }
        return answer
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}
