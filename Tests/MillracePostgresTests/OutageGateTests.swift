// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MillracePostgres

@Suite("OutageGate") struct OutageGateTests {
    private var gate = OutageGate()

    @Test mutating func `all are let in while the store answers`() throws {
        for _ in 0..<3 { try leave(enter(), .answered) }
        let both = try (enter(), enter())

        leave(both.0, .answered)
        leave(both.1, .answered)

        expectOpen()
    }

    @Test mutating func `one at a time tries while the store is away`() throws {
        try leave(enter(), .silent)

        for _ in 0..<3 {
            let trial = try enter()
            expectShut()
            leave(trial, .silent)
        }
    }

    @Test mutating func `the first success ends the outage`() throws {
        try leave(enter(), .silent)
        try leave(enter(), .answered)

        expectOpen()
        expectOpen()
    }

    @Test mutating func `a call that is too slow among others that are not is no outage`() throws {
        let slow = try enter()
        try leave(enter(), .answered)

        leave(slow, .silent)

        expectOpen()
        expectOpen()
    }

    @Test mutating func `a failure from before the outage's end does not begin another`() throws {
        let early = try (enter(), enter())
        leave(early.0, .silent)
        try leave(enter(), .answered)

        leave(early.1, .silent)

        expectOpen()
        expectOpen()
    }

    @Test mutating func `one who was let in before the outage is not the one who tries`() throws {
        let early = try (enter(), enter())
        leave(early.0, .silent)
        let trial = try enter()

        leave(early.1, .silent)

        expectShut()
        leave(trial, .silent)
        expectOpen()
    }

    @Test mutating func `a trial that never reached the store leaves the next to try`() throws {
        try leave(enter(), .silent)

        try leave(enter(), .unasked)

        let trial = try enter()
        expectShut()
        leave(trial, .answered)
    }

    private mutating func enter() throws -> OutageGate.Pass {
        let pass = gate.enter()
        return try #require(pass)
    }

    private mutating func expectOpen() {
        let pass = gate.enter()
        #expect(pass != nil)
    }

    private mutating func expectShut() {
        let pass = gate.enter()
        #expect(pass == nil)
    }

    private mutating func leave(_ pass: OutageGate.Pass, _ sight: OutageGate.Sight) {
        gate.leave(pass, sight)
    }
}
