// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTPTypes
import Millrace
import MillraceAPI
import MillraceTesting
import Synchronization
import Testing

@testable import Storefront

@Suite("Passwords") struct PasswordTests {
    /// Of argon2's own tests (test.c of its reference implementation).
    private static let reference = PasswordHash(
        stored: "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")

    @Test func `hashes of others are understood`() throws {
        #expect(try Self.reference.matches(try #require(Password("password"))))
        #expect(try !Self.reference.matches(try #require(Password("differentpassword"))))
        #expect(!Self.reference.isCurrent)
    }

    @Test func `a hash is one password's, and no two are equal`() throws {
        let password = try #require(Password("correct horse battery"))

        let (first, second) = (try PasswordHash(password), try PasswordHash(password))

        #expect(first != second)
        #expect(first.isCurrent)
        #expect(try first.matches(password) && second.matches(password))
        #expect(try !first.matches(try #require(Password("correct horse batterY"))))
    }

    @Test func `nobody's hash is one that is checked to the end`() throws {
        #expect(PasswordHash.nobodys.isCurrent)
        #expect(try !PasswordHash.nobodys.matches(try #require(Password("correct horse battery"))))
    }

    @Test func `what is no hash is an error, not a wrong password`() throws {
        #expect(throws: PasswordHash.Failure.self) {
            try PasswordHash(stored: "$argon2id$v=19$m=8").matches(try #require(Password("correct horse battery")))
        }
    }

    @Test(arguments: ["a\u{0}b", "line\nbreak", "\u{85}", String(repeating: "x", count: 1025)])
    func `what no keyboard types is no password`(text: String) {
        #expect(Password(text) == nil)
    }

    @Test func `it is normalized, counted by characters and shown to nobody`() throws {
        let (one, two) = (try #require(Password("\u{E9}\u{AC00}")), try #require(Password("e\u{301}\u{1100}\u{1161}")))

        #expect(one.bytes == two.bytes)
        #expect(two.length == 2)
        #expect("\(one)" == "***")
        #expect(Password("ﬁ")?.bytes == Array("ﬁ".utf8))
    }

    @Test func `tokens are long, differ, tell what they are for and are shown to nobody`() {
        let tokens = (0..<100).map { _ in SecretToken(.session) }

        #expect(Set(tokens.map(\.text)).count == 100)
        #expect(tokens.allSatisfy { SecretToken($0.text, for: .session)?.digest == $0.digest })
        #expect(SecretToken(tokens[0].text, for: .device) == nil)
        #expect("\(tokens[0])" == "***")
        let characters = Set(tokens.flatMap { $0.text.dropFirst(3) })
        #expect(characters.count == 64 && characters.isSuperset(of: "-_09azAZ"))
    }

    @Test func `two are hashed at a time, some wait, and the others are refused`() async throws {
        let hasher = PasswordHasher(waitersMax: 3)
        let gate = DispatchSemaphore(value: 0)
        let occupancy = Occupancy()

        let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    do {
                        try await hasher.run {
                            occupancy.enter()
                            gate.wait()
                            occupancy.leave()
                        }
                        return false
                    } catch let problem as Problem {
                        #expect(problem.answer.status.code == 503)
                        return true
                    }
                }
            }
            var refused = 0
            // The refused ones are told at once; the others wait for the gate.
            while refused < 7, let wasRefused = try await group.next() { refused += wasRefused ? 1 : 0 }
            await eventually("both threads are taken") { occupancy.most == 2 }
            for _ in 0..<5 { gate.signal() }
            for try await wasRefused in group { refused += wasRefused ? 1 : 0 }
            return refused
        }

        #expect(refused == 7)
        #expect(occupancy.most == 2)
    }
}

/// How many are within at a time.
private final class Occupancy: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock { $0.most } }

    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }

    func leave() {
        counts.withLock { $0.now -= 1 }
    }
}
