// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What one run knows of its job's steps.
package final class StepMemory: Sendable {
    private struct State {
        /// nil until the ledger was asked.
        var results: [String: [UInt8]]?
        /// Names used in this run.
        var begun: Set<String> = []
    }

    private let state: Mutex<State>

    /// - Parameter attempt: a first run has nothing to remember, and need not ask.
    init(attempt: Int) {
        state = Mutex(State(results: attempt == 1 ? [:] : nil))
    }

    var isLoaded: Bool { state.withLock { $0.results != nil } }

    func load(_ steps: [RecordedStep]) {
        state.withLock { state in
            state.results = Dictionary(steps.map { ($0.name, $0.result) }) { first, _ in first }
        }
    }

    /// Takes a name for this run.
    /// - Returns: what an earlier run's step of this name returned, as JSON.
    func begin(_ name: String) throws(StepError) -> [UInt8]? {
        let result = state.withLock { state -> Result<[UInt8]?, StepError> in
            guard state.begun.insert(name).inserted else {
                return .failure(
                    StepError(.nameReused, "\"\(name)\" was used in this run before: give each its own name"))
            }
            let results = state.results ?? [:]
            if let known = results[name] { return .success(known) }
            guard Set(results.keys).union(state.begun).count <= Limits.stepsMax else {
                return .failure(StepError(.tooMany, "\"\(name)\" would be one more than \(Limits.stepsMax)"))
            }
            return .success(nil)
        }
        return try result.get()
    }
}
