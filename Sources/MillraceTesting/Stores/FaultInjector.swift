// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// When an injected error is thrown.
public enum FaultMoment: Sendable {
    /// Nothing was done: what `unavailable` promises.
    case beforeEffect
    /// All was done, and the caller is not told: what `outcomeUnknown` allows.
    case afterEffect
}

/// Lets calls of a memory store fail, and counts them.
final class FaultInjector<Verb: Hashable & Sendable, Failure: Error>: Sendable {
    private struct Fault {
        let moment: FaultMoment
        let error: Failure
    }

    private struct State {
        var faults: [Verb: [Fault]] = [:]
        var absence: Failure?
        var calls: [Verb: Int] = [:]
    }

    private let state = Mutex(State())

    func fail(_ verb: Verb, times: Int, _ moment: FaultMoment, with error: Failure) {
        let faults = Array(repeating: Fault(moment: moment, error: error), count: times)
        state.withLock { $0.faults[verb, default: []] += faults }
    }

    func setAbsence(_ error: Failure?) {
        state.withLock { $0.absence = error }
    }

    func calls(of verb: Verb) -> Int {
        state.withLock { $0.calls[verb, default: 0] }
    }

    /// Counts a call. Throws the error that comes before its effect; returns the one that comes after.
    func begin(_ verb: Verb) throws(Failure) -> Failure? {
        let (absence, fault): (Failure?, Fault?) = state.withLock { state in
            state.calls[verb, default: 0] += 1
            if let absence = state.absence { return (absence, nil) }
            guard state.faults[verb]?.isEmpty == false else { return (nil, nil) }
            return (nil, state.faults[verb]?.removeFirst())
        }
        if let absence { throw absence }
        guard let fault else { return nil }
        switch fault.moment {
        case .beforeEffect: throw fault.error
        case .afterEffect: return fault.error
        }
    }
}
