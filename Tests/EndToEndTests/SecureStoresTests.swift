// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Stores with TLS, passwords and few rights") struct SecureStoresTests {
    @Test(.timeLimit(.minutes(2)))
    func `a job runs from submission to outcome, and doctor finds nothing wrong`() async throws {
        try await Mill.with(addresses: { try await SecureStores(stores: $0).secure() }) { mill in
            let api = try await mill.startAPI()
            let worker = try mill.startWorker()

            let answer = try await mill.request(
                "POST", "/v1/jobs?wait=20s", #"{"kind":"diagnostics.echo","payload":{"a":1}}"#)
            #expect(answer.status == 200)
            #expect(answer.json["state"] as? String == "completed")
            let waiting = try await mill.submit(
                1, kind: "diagnostics.sleep", payload: { _ in #"{"ms":60000}"# }, batch: 1)[0]
            _ = await eventually(within: .seconds(10)) {
                (try? await mill.request("GET", "/v1/jobs/\(waiting)").json["state"] as? String) == "running"
            }
            let cancelled = try await mill.request("POST", "/v1/jobs/\(waiting)/cancel")
            #expect([200, 202].contains(cancelled.status))
            try await SecureStores(stores: mill.stores).submitAsClerk()
            #expect(try await mill.expectAllEnded(within: .seconds(20)))
            #expect(try await mill.command("doctor").contains("millrace: ") == false)
            worker.signal(SIGTERM)
            #expect(await worker.exitCode(within: 20) == 0)

            for log in [api.log, worker.log] {
                #expect(!log.contains(SecureStores.password) && !log.contains(SecureStores.encodedPassword))
                #expect(!log.contains("NOPERM") && !log.contains(" error "), "\(log)")
            }
        }
    }
}
