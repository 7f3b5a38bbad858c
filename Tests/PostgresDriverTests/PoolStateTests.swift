// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PostgresDriver

@Suite("PoolState") struct PoolStateTests {
    private typealias State = PoolState<Int, String>

    private let start = ContinuousClock.now
    private let error = PostgresError(.unavailable, "away")

    private func enqueue(_ names: String..., in state: inout State, for duration: Duration = .seconds(10)) {
        for name in names {
            guard case .wait = state.admit(at: start) else { continue }
            state.enqueue(.init(id: state.waiters.count, deadline: start + duration, waiter: name))
        }
    }

    private func admission(_ state: inout State, at time: ContinuousClock.Instant) -> String {
        switch state.admit(at: time) {
        case .use(let connection): "use \(connection)"
        case .wait: "wait"
        case .refuse(let error): "\(error.code)"
        }
    }

    /// `#expect` does not take what changes its subject.
    private func expect<Value: Equatable>(
        _ value: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(value == expected, sourceLocation: sourceLocation)
    }

    @Test func `connections are opened as they are needed, up to the size`() {
        var state = State(size: 2, waitersMax: 10)

        expect(state.startConnecting(at: start), 0)
        enqueue("a", in: &state)
        expect(state.startConnecting(at: start), 1)
        expect(state.startConnecting(at: start), 0)
        enqueue("b", "c", in: &state)
        expect(state.startConnecting(at: start), 1)
    }

    @Test func `who came first is served first`() {
        var state = State(size: 1, waitersMax: 10)
        enqueue("a", "b", in: &state)
        _ = state.startConnecting(at: start)

        expect(state.connected(1), "a")
        enqueue("c", in: &state)
        guard case .hand(to: "b") = state.release(1), case .hand(to: "c") = state.release(1),
            case .keep = state.release(1)
        else {
            Issue.record("not in order")
            return
        }
        expect(admission(&state, at: start), "use 1")
    }

    @Test func `waiters are bounded`() {
        var state = State(size: 1, waitersMax: 2)
        enqueue("a", "b", in: &state)

        expect(admission(&state, at: start), "overloaded")
    }

    @Test func `waiters expire at their own deadlines`() {
        var state = State(size: 1, waitersMax: 10)
        enqueue("late", in: &state, for: .seconds(2))
        enqueue("early", in: &state, for: .seconds(1))

        #expect(state.earliestDeadline == start + .seconds(1))
        expect(state.expire(at: start + .seconds(1)), ["early"])
        #expect(state.earliestDeadline == start + .seconds(2))
    }

    @Test func `a failure refuses all at once, and then lets one try at a time`() {
        var state = State(size: 4, waitersMax: 10)
        var generator = SystemRandomNumberGenerator()
        enqueue("a", "b", in: &state)
        expect(state.startConnecting(at: start), 2)

        expect(state.connectFailed(error, at: start, using: &generator).waiters, [])
        expect(state.connectFailed(error, at: start, using: &generator).waiters, ["a", "b"])
        let later = start + ConnectBackoff.ceilingMax
        expect(admission(&state, at: later), "wait")
        state.enqueue(.init(id: 9, deadline: later, waiter: "c"))
        expect(state.startConnecting(at: later), 1)
        expect(admission(&state, at: later), "unavailable")
        expect(state.connected(1), "c")
        expect(admission(&state, at: later), "wait")
    }

    @Test func `the delay doubles up to a second and starts over after a success`() {
        var backoff = ConnectBackoff()
        var longest = Generator()
        for milliseconds in [50, 100, 200, 400, 800, 1000, 1000] {
            backoff.fail(error, at: start, using: &longest)
            #expect(backoff.isWaiting(at: start + .milliseconds(milliseconds) - .milliseconds(1)))
            #expect(!backoff.isWaiting(at: start + .milliseconds(milliseconds)))
        }
        backoff.succeed()
        backoff.fail(error, at: start, using: &longest)
        #expect(!backoff.isWaiting(at: start + .milliseconds(50)))
    }

    @Test func `a broken connection makes room for another`() {
        var state = State(size: 1, waitersMax: 10)
        enqueue("a", in: &state)
        _ = state.startConnecting(at: start)
        _ = state.connected(1)
        enqueue("b", in: &state)

        expect(state.discard(at: start)?.waiters, nil)
        expect(state.startConnecting(at: start), 1)
    }

    @Test func `a closed pool refuses all and takes nothing back`() {
        var state = State(size: 2, waitersMax: 10)
        enqueue("a", in: &state)
        _ = state.startConnecting(at: start)
        _ = state.connected(1)
        enqueue("b", in: &state)

        expect(state.close().refused.waiters, ["b"])
        expect(admission(&state, at: start), "unavailable")
        guard case .discard = state.release(1) else {
            Issue.record("it was taken back")
            return
        }
    }

    /// Always the greatest number.
    private struct Generator: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }
}
