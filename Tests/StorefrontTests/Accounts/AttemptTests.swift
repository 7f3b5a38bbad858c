// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import Testing

@testable import Storefront

@Suite("Attempts", .needsPostgres) struct AttemptTests {
    private static let wrong = "wrong horse battery"

    @Test func `one address has five attempts at an account, whatever the password`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            for _ in 0..<5 { #expect(try await fixture.logIn(password: Self.wrong).status == 401) }

            let sixth = try await fixture.logIn()

            #expect(sixth.status == 429)
            #expect(sixth.problem == "too-many-attempts")
            #expect(sixth.headers[.retryAfter] == "60")
            #expect(try await fixture.logIn(from: "192.0.2.2").status == 200)
        }
    }

    @Test func `an address without an account is limited as one that has one`() async throws {
        try await AccountFixture.with { fixture in
            var statuses: [Int] = []
            for _ in 0..<6 { statuses.append(try await fixture.logIn("eve@example.org").status) }

            #expect(statuses == [401, 401, 401, 401, 401, 429])
        }
    }

    @Test func `of many attempts at once no more are made`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await fixture.logIn(password: Self.wrong).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.count { $0 == 401 } == 5)
            #expect(statuses.count { $0 == 429 } == 15)
        }
    }

    @Test func `an attempt is free again after its interval`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            for _ in 0..<6 { _ = try await fixture.logIn(password: Self.wrong) }

            try await fixture.database.run("UPDATE storefront.attempts SET clear_at = clear_at - interval '1 minute'")

            #expect(try await fixture.logIn(password: Self.wrong).status == 401)
            #expect(try await fixture.logIn(password: Self.wrong).status == 429)
        }
    }

    @Test func `right passwords cost nothing`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            for _ in 0..<12 { #expect(try await fixture.logIn().status == 200) }
        }
    }

    @Test func `many strangers lock nobody out of a known device`() async throws {
        let limits = AttemptLimits(account: AttemptLimit(burst: 4, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register()
            let device = try await fixture.session().device
            for stranger in 1...6 {
                let status = try await fixture.logIn(password: Self.wrong, from: "198.51.100.\(stranger)").status
                #expect(status == (stranger <= 4 ? 401 : 429))
            }

            #expect(try await fixture.logIn().status == 429)
            let reply = try await fixture.logIn(device: device)

            #expect(reply.status == 200)
            #expect(try reply.json["device"] as? String == device)
        }
    }

    @Test func `a device has attempts of its own, and only at accounts that it knows`() async throws {
        let limits = AttemptLimits(device: AttemptLimit(burst: 3, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register("ana@example.org")
            try await fixture.register("bea@example.org")
            let device = try await fixture.session("ana@example.org").device

            for _ in 0..<3 {
                let reply = try await fixture.logIn(password: Self.wrong, device: device)
                #expect(reply.status == 401)
            }
            #expect(try await fixture.logIn(device: device).status == 429)
            #expect(try await fixture.logIn().status == 200)
            for attempt in 1...6 {
                let reply = try await fixture.logIn("bea@example.org", password: Self.wrong, device: device)
                #expect(reply.status == (attempt <= 5 ? 401 : 429))
            }
        }
    }

    @Test func `one address has so many attempts at all accounts together`() async throws {
        let limits = AttemptLimits(address: AttemptLimit(burst: 3, interval: .seconds(6)))
        try await AccountFixture.with(limits: limits) { fixture in
            var statuses: [Int] = []
            for name in ["a", "b", "c", "d"] { statuses.append(try await fixture.logIn("\(name)@example.org").status) }

            #expect(statuses == [401, 401, 401, 429])
        }
    }

    @Test func `right passwords count as work, of known devices, too`() async throws {
        let limits = AttemptLimits(work: AttemptLimit(burst: 3, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register()
            let device = try await fixture.session().device
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await fixture.logIn(device: device).status) }

            #expect(statuses == [200, 200, 429])
            #expect(try await fixture.logIn(device: device, from: "192.0.2.2").status == 200)
        }
    }

    @Test func `what was refused for want of a thread does not count`() async throws {
        let hasher = PasswordHasher(waitersMax: -AccountLimits.hashesMax)
        try await AccountFixture.with(hasher: hasher) { fixture in
            for _ in 0..<6 {
                let reply = try await fixture.logIn()
                #expect(reply.status == 503)
                #expect(reply.headers[.retryAfter] == "1")
            }
        }
    }
}
