// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

@Suite("PoolPlan")
struct PoolPlanTests {
    private static let photos = PoolPlan.Role.pool("photos")
    private static let email = PoolPlan.Role.pool("email")

    /// Draws the upper bound of every range, so that backoffs are at their longest.
    private struct Longest: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }

    private struct Fixture {
        var plan = PoolPlan(patience: [photos: .seconds(35), email: .seconds(5), .api: .seconds(10)])
        var now: Duration = .zero
        var generator = Longest()

        mutating func actions(after time: Duration = .zero) -> [PoolPlan.Action] {
            now += time
            return plan.actions(at: now)
        }

        mutating func end(_ number: Int) {
            plan.ended(PoolPlan.ChildID(number: number), at: now, using: &generator)
        }
    }

    private static func start(_ number: Int, _ role: PoolPlan.Role) -> PoolPlan.Action {
        .start(PoolPlan.ChildID(number: number), role)
    }

    private static func stop(_ number: Int) -> PoolPlan.Action { .stop(PoolPlan.ChildID(number: number)) }
    private static func kill(_ number: Int) -> PoolPlan.Action { .kill(PoolPlan.ChildID(number: number)) }

    @Test func `as many processes as wished are started, once`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        fixture.plan.wish(1, of: .api)

        let actions = fixture.actions()

        #expect(actions == [Self.start(1, .api), Self.start(2, Self.photos), Self.start(3, Self.photos)])
        #expect(fixture.actions(after: .seconds(1)) == [])
    }

    @Test func `a raised count is served at once`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()

        fixture.plan.wish(3, of: Self.photos)

        #expect(fixture.actions() == [Self.start(2, Self.photos), Self.start(3, Self.photos)])
    }

    @Test func `a lowered count stops the newest processes`() {
        var fixture = Fixture()
        fixture.plan.wish(3, of: Self.photos)
        _ = fixture.actions()

        fixture.plan.wish(1, of: Self.photos)

        #expect(fixture.actions() == [Self.stop(3), Self.stop(2)])
        #expect(fixture.plan.count(of: Self.photos) == 1)
    }

    @Test func `a process that is being stopped is not replaced`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        _ = fixture.actions()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()

        fixture.end(2)

        #expect(fixture.actions(after: .seconds(100)) == [])
    }

    @Test func `a count that rises again does not wait for those that are being stopped`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        _ = fixture.actions()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()

        fixture.plan.wish(2, of: Self.photos)

        #expect(fixture.actions() == [Self.start(3, Self.photos)])
    }

    @Test func `a lowered count first drops what waits for its restart`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        _ = fixture.actions()
        fixture.end(1)

        fixture.plan.wish(1, of: Self.photos)

        #expect(fixture.actions(after: .seconds(60)) == [])
        #expect(fixture.plan.count(of: Self.photos) == 1)
    }

    @Test func `a process that ended is started again after a second at most`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()

        fixture.end(1)

        #expect(fixture.actions(after: .milliseconds(999)) == [])
        #expect(fixture.actions(after: .milliseconds(1)) == [Self.start(2, Self.photos)])
    }

    @Test func `the backoff doubles up to half a minute`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()
        var waits: [Int64] = []

        for number in 1...8 {
            fixture.end(number)
            let end = fixture.now
            while fixture.actions(after: .milliseconds(500)).isEmpty {}
            waits.append((fixture.now - end).milliseconds)
        }

        #expect(waits == [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    }

    @Test func `the backoff is jittered over its whole length`() {
        // Small enough to stand for the lower bound; zero itself would be drawn again for ever.
        struct Shortest: RandomNumberGenerator {
            mutating func next() -> UInt64 { 1 << 44 }
        }
        var plan = PoolPlan(patience: [Self.photos: .zero])
        var generator = Shortest()
        plan.wish(1, of: Self.photos)
        _ = plan.actions(at: .zero)

        plan.ended(PoolPlan.ChildID(number: 1), at: .seconds(1), using: &generator)

        #expect(plan.actions(at: .seconds(1)) == [Self.start(2, Self.photos)])
    }

    @Test func `a process that lived for a minute forgets earlier failures`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        for number in 1...5 {
            _ = fixture.actions(after: .seconds(31))
            fixture.end(number)
        }
        _ = fixture.actions(after: .seconds(31))

        fixture.now += .seconds(60)
        fixture.end(6)

        #expect(fixture.actions(after: .seconds(1)) == [Self.start(7, Self.photos)])
    }

    @Test func `a process that keeps crashing does not hold up its neighbours`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        _ = fixture.actions()
        var number = 2
        for _ in 1...5 {
            fixture.end(number == 2 ? 1 : number)
            number += 1
            #expect(fixture.actions(after: .seconds(31)) == [Self.start(number, Self.photos)])
        }

        fixture.end(2)

        #expect(fixture.actions(after: .seconds(1)) == [Self.start(number + 1, Self.photos)])
    }

    @Test func `an end that served its purpose is no failure, and the next process is started within a second`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        var number = 1
        for _ in 1...6 {
            _ = fixture.actions(after: .seconds(31))
            fixture.end(number)
            number += 1
        }
        #expect(fixture.actions(after: .seconds(2)) == [])

        fixture.plan.forgive(PoolPlan.ChildID(number: number - 1), at: fixture.now, using: &fixture.generator)

        #expect(fixture.actions(after: .seconds(1)) == [Self.start(number, Self.photos)])
        fixture.end(number)
        #expect(fixture.actions(after: .seconds(1)) == [Self.start(number + 1, Self.photos)])
    }

    @Test func `forgiving what runs, or ended long ago, changes nothing`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()
        fixture.end(1)
        _ = fixture.actions(after: .seconds(1))

        fixture.plan.forgive(PoolPlan.ChildID(number: 1), at: fixture.now, using: &fixture.generator)
        fixture.plan.forgive(PoolPlan.ChildID(number: 7), at: fixture.now, using: &fixture.generator)

        #expect(fixture.actions(after: .seconds(60)) == [])
    }

    @Test func `a process that does not end in its time is killed, once`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()
        fixture.plan.wish(0, of: Self.photos)
        #expect(fixture.actions() == [Self.stop(1)])

        #expect(fixture.actions(after: .milliseconds(34_999)) == [])
        #expect(fixture.actions(after: .milliseconds(1)) == [Self.kill(1)])
        #expect(fixture.actions(after: .seconds(100)) == [])
    }

    @Test func `each role has a patience of its own`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        fixture.plan.wish(1, of: Self.email)
        _ = fixture.actions()
        fixture.plan.shutDown()
        #expect(fixture.actions() == [Self.stop(1), Self.stop(2)])

        #expect(fixture.actions(after: .seconds(5)) == [Self.kill(1)])
        #expect(fixture.actions(after: .seconds(30)) == [Self.kill(2)])
    }

    @Test func `a shutdown stops all and starts nothing any more`() {
        var fixture = Fixture()
        fixture.plan.wish(2, of: Self.photos)
        _ = fixture.actions()
        fixture.end(1)

        fixture.plan.shutDown()

        #expect(fixture.actions(after: .seconds(5)) == [Self.stop(2)])
        #expect(!fixture.plan.isFinished)
        fixture.end(2)
        #expect(fixture.actions(after: .seconds(5)) == [])
        #expect(fixture.plan.isFinished)
    }

    @Test func `an end that nobody waits for is ignored`() {
        var fixture = Fixture()
        fixture.plan.wish(1, of: Self.photos)
        _ = fixture.actions()

        fixture.end(7)

        #expect(fixture.plan.count(of: Self.photos) == 1)
        #expect(fixture.actions(after: .seconds(60)) == [])
    }

    @Test(arguments: 0..<20)
    func `whatever happens, what runs is what is wished in the end`(seed: Int) {
        var random = Seeded(state: UInt64(seed))
        var plan = PoolPlan(patience: [Self.photos: .seconds(3), Self.email: .seconds(3)])
        var running: [PoolPlan.ChildID: PoolPlan.Role] = [:]
        var wished: [PoolPlan.Role: Int] = [:]
        var now: Duration = .zero

        func perform(_ actions: [PoolPlan.Action]) {
            for action in actions {
                switch action {
                case .start(let child, let role):
                    #expect(running[child] == nil)
                    running[child] = role
                case .stop(let child):
                    #expect(running[child] != nil)
                case .kill(let child):
                    #expect(running.removeValue(forKey: child) != nil)
                    plan.ended(child, at: now, using: &random)
                }
            }
        }
        for _ in 0..<500 {
            now += .milliseconds(Int.random(in: 0...2000, using: &random))
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let role = Bool.random(using: &random) ? Self.photos : Self.email
                wished[role] = Int.random(in: 0...5, using: &random)
                plan.wish(wished[role, default: 0], of: role)
            case 1:
                if let child = running.keys.sorted().randomElement(using: &random) {
                    running[child] = nil
                    plan.ended(child, at: now, using: &random)
                }
            default: break
            }
            perform(plan.actions(at: now))
            for (role, count) in wished { #expect(plan.count(of: role) == count) }
        }
        // Time enough for every kill and every backoff.
        for _ in 0..<3 {
            now += .seconds(31)
            perform(plan.actions(at: now))
        }

        for (role, count) in wished { #expect(running.values.count { $0 == role } == count) }
    }
}

/// SplitMix64.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
