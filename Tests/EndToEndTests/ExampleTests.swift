// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Examples/hello") struct ExampleTests {
    @Test(
        .timeLimit(.minutes(2)),
        .enabled(
            if: Repository.isExampleCurrent, "needs, after the last build: swift build --package-path Examples/hello"))
    func `greets over HTTP and on the command line, and buries what it refuses`() async throws {
        try await Mill.with { mill in
            let hello = try mill.start("up", ["up", "--port", "\(mill.port)"], executable: Repository.example)
            try await mill.expectReady()

            let greeted = try await mill.request(
                "POST", "/v1/jobs?wait=20s", #"{"kind":"hello.greet","payload":{"name":"Ada"}}"#)
            #expect(greeted.status == 200)
            #expect(greeted.json["result"] as? [String: String] == ["greeting": "Hello, Ada!"])
            let refused = try await mill.request(
                "POST", "/v1/jobs?wait=20s", #"{"kind":"hello.greet","payload":{"name":""}}"#)
            #expect(refused.json["state"] as? String == "dead")
            #expect(refused.json["attempt"] as? Int == 1)
            let printed = try await mill.command(
                "enqueue", "hello.greet", #"{"name":"Grace"}"#, "--wait", "20s", executable: Repository.example)
            #expect(printed == #"{"greeting":"Hello, Grace!"}"# + "\n")

            hello.signal(SIGTERM)
            #expect(await hello.exitCode(within: 30) == 0)
        }
    }
}
