// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Explores all states that can be reached, breadth first, so that the first way to a flaw is a shortest one.
struct ModelExplorer {
    struct Result {
        var stateCount: Int
        /// What broke, and the events that lead to it; nil when everything holds.
        var flaw: ModelState.Flaw?
        var events: [String] = []
    }

    private static let statesMax = 5_000_000

    private let transitions: ModelTransitions
    private var states: [ModelState] = []
    private var indexes: [ModelState: Int32] = [:]
    /// How each state was reached first.
    private var origins: [(from: Int32, event: ModelTransitions.Event)] = []
    /// Edges that need no fault, for what must be reachable.
    private var edges: [(from: Int32, to: Int32)] = []

    init(_ guards: Guards) {
        transitions = ModelTransitions(guards)
    }

    static func explore(_ guards: Guards) -> Result {
        var explorer = ModelExplorer(guards)
        return explorer.run()
    }

    private mutating func run() -> Result {
        let budget = FaultBudget(total: transitions.guards.faultsMax, of: transitions.guards.faults)
        var initial = ModelState(budget: budget, isEntrusted: transitions.guards.isEntrusted)
        initial.canonicalize()
        _ = add(initial, from: -1, ModelTransitions.Event(name: ""))
        var index = 0
        while index < states.count {
            let state = states[index]
            if let flaw = state.flaw { return result(flaw, at: index) }
            precondition(states.count <= Self.statesMax, "more than \(Self.statesMax) states")
            transitions.forEach(from: state) { event, next in
                let number = add(next, from: Int32(index), event)
                if !event.isFault { edges.append((Int32(index), number)) }
            }
            index += 1
        }
        // What only the broker had, and the broker has lost, has ended in its own way.
        let isOver = { (state: ModelState) in
            state.row.isAbsent ? state.hasLostOnlyCopy : state.row.state.isFinal
        }
        if let stuck = firstUnable(to: isOver) { return result(.neverEnds, at: stuck) }
        let isClean = { (state: ModelState) in isOver(state) && state.broker.isAbsent }
        if let stuck = firstUnable(to: { isClean($0) }) { return result(.neverForgotten, at: stuck) }
        return Result(stateCount: states.count)
    }

    private mutating func add(_ state: ModelState, from: Int32, _ event: ModelTransitions.Event) -> Int32 {
        if let known = indexes[state] { return known }
        let number = Int32(states.count)
        indexes[state] = number
        states.append(state)
        origins.append((from, event))
        return number
    }

    /// A state from which no way without a fault leads to the goal.
    private func firstUnable(to goal: (ModelState) -> Bool) -> Int? {
        var starts = [Int32](repeating: 0, count: states.count + 1)
        for edge in edges { starts[Int(edge.to) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var sources = [Int32](repeating: 0, count: edges.count)
        var filled = starts
        for edge in edges {
            sources[Int(filled[Int(edge.to)])] = edge.from
            filled[Int(edge.to)] += 1
        }
        var isAble = states.map(goal)
        var queue = isAble.indices.filter { isAble[$0] }
        while let index = queue.popLast() {
            for source in sources[Int(starts[index])..<Int(starts[index + 1])] where !isAble[Int(source)] {
                isAble[Int(source)] = true
                queue.append(Int(source))
            }
        }
        return isAble.firstIndex(of: false)
    }

    private func result(_ flaw: ModelState.Flaw, at index: Int) -> Result {
        var events: [String] = []
        var index = Int32(index)
        while index > 0 {
            let origin = origins[Int(index)]
            events.append("\(origin.event.name)")
            index = origin.from
        }
        return Result(stateCount: states.count, flaw: flaw, events: events.reversed())
    }
}
