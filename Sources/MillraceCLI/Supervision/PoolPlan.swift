// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Decides which child processes a supervisor starts and ends, and when.
///
/// A pure value: whoever performs its actions tells it what happened and what time it is, and asks again.
///
/// Each role has as many *slots* as it shall have processes. A slot whose process ended gets another one after a
/// backoff of its own (full jitter, doubling from ``Timing/backoffBase`` to ``Timing/backoffMax``), so that one process
/// that keeps crashing does not hold up its neighbours; a process that lived for ``Timing/healthyAfter`` forgets
/// earlier failures. A surplus slot is dropped at once when nothing runs in it; else its process, the newest first, is
/// told to end, and killed when it takes too long.
///
/// Change together: `Supervisor`, `PoolPlanTests`.
struct PoolPlan {
    /// Time since the supervisor started.
    typealias Instant = Duration

    struct Timing: Sendable {
        var healthyAfter: Duration = .seconds(60)
        var backoffBase: Duration = .seconds(1)
        var backoffMax: Duration = .seconds(30)
    }

    /// What a child process is for.
    enum Role: Hashable, Sendable, CustomStringConvertible {
        case api
        case pool(String)
        /// Runs what must run alone of a pool's queues, one job at a time.
        case alone(String)

        var description: String {
            switch self {
            case .api: "api"
            case .pool(let name): name
            case .alone(let name): "\(name)-alone"
            }
        }
    }

    /// A child process, numbered in the order of their starts and never again.
    struct ChildID: Hashable, Comparable, Sendable {
        let number: Int

        static func < (left: ChildID, right: ChildID) -> Bool { left.number < right.number }
    }

    enum Action: Equatable {
        case start(ChildID, Role)
        /// Ask it to end.
        case stop(ChildID)
        /// It was asked and did not end in time.
        case kill(ChildID)
    }

    private struct Slot {
        let role: Role
        /// Ends in a row of processes that did not live long.
        var failures = 0
        var lastChild: ChildID?
        var occupant: Occupant

        enum Occupant {
            case nothing(until: Instant)
            case child(ChildID, since: Instant)
        }
    }

    private struct Stopping {
        var killAt: Instant
        var isKilled = false
    }

    private let timing: Timing
    /// How long a process of a role may take to end.
    private let patience: [Role: Duration]
    private var wished: [Role: Int] = [:]
    private var slots: [Slot] = []
    private var stopping: [ChildID: Stopping] = [:]
    private var lastNumber = 0
    private(set) var isShuttingDown = false

    init(patience: [Role: Duration], timing: Timing = Timing()) {
        self.patience = patience
        self.timing = timing
    }

    /// Whether nothing runs any more and nothing will.
    var isFinished: Bool {
        isShuttingDown && stopping.isEmpty && slots.isEmpty
    }

    /// Processes of a role that are not being stopped.
    func count(of role: Role) -> Int {
        slots.count { $0.role == role }
    }

    mutating func wish(_ count: Int, of role: Role) {
        precondition(count >= 0, "a pool has no negative number of processes")
        precondition(patience[role] != nil, "every role says how long its processes may take to end")
        wished[role] = count
    }

    /// From now on nothing is started and everything is stopped.
    mutating func shutDown() {
        isShuttingDown = true
        for role in wished.keys { wished[role] = 0 }
    }

    /// Says that a process ended, or could not be started.
    mutating func ended(_ child: ChildID, at now: Instant, using generator: inout some RandomNumberGenerator) {
        if stopping.removeValue(forKey: child) != nil { return }
        guard let index = index(of: child), case .child(_, let since) = slots[index].occupant else { return }
        if now - since >= timing.healthyAfter { slots[index].failures = 0 }
        slots[index].failures += 1
        slots[index].lastChild = child
        let delay = backoff(afterFailures: slots[index].failures, using: &generator)
        slots[index].occupant = .nothing(until: now + delay)
    }

    /// Says that the end of a process has served its purpose, since the jobs that may have caused it are told apart from
    /// the others now: the next one is started soon, and the end does not count as a failure.
    mutating func forgive(_ child: ChildID, at now: Instant, using generator: inout some RandomNumberGenerator) {
        guard let index = slots.firstIndex(where: { $0.lastChild == child }),
            case .nothing(let until) = slots[index].occupant
        else { return }
        slots[index].failures = 0
        slots[index].occupant = .nothing(until: min(until, now + backoff(afterFailures: 1, using: &generator)))
    }

    /// What is to be done now; each action is returned once and taken as done.
    mutating func actions(at now: Instant) -> [Action] {
        let stops = dropSurplus(at: now)
        addMissing(at: now)
        return stops + startDue(at: now) + killOverdue(at: now)
    }

    private mutating func dropSurplus(at now: Instant) -> [Action] {
        var actions: [Action] = []
        for (role, wish) in wished.sorted(by: { $0.key.description < $1.key.description }) {
            while count(of: role) > wish, let index = leastNeeded(of: role) {
                let slot = slots.remove(at: index)
                guard case .child(let child, _) = slot.occupant else { continue }
                stopping[child] = Stopping(killAt: now + (patience[role] ?? .zero))
                actions.append(.stop(child))
            }
        }
        return actions
    }

    private mutating func addMissing(at now: Instant) {
        for (role, wish) in wished.sorted(by: { $0.key.description < $1.key.description }) {
            let missing = max(0, wish - count(of: role))
            for _ in 0..<missing { slots.append(Slot(role: role, occupant: .nothing(until: now))) }
        }
    }

    private mutating func startDue(at now: Instant) -> [Action] {
        slots.indices.compactMap { index in
            guard case .nothing(let until) = slots[index].occupant, until <= now else { return nil }
            lastNumber += 1
            let child = ChildID(number: lastNumber)
            slots[index].occupant = .child(child, since: now)
            return .start(child, slots[index].role)
        }
    }

    private mutating func killOverdue(at now: Instant) -> [Action] {
        let overdue = stopping.filter { !$0.value.isKilled && $0.value.killAt <= now }.keys.sorted()
        for child in overdue { stopping[child]?.isKilled = true }
        return overdue.map { .kill($0) }
    }

    /// The slot of a role that waits longest for a process, else the one with the newest process.
    private func leastNeeded(of role: Role) -> Int? {
        slots.indices.filter { slots[$0].role == role }.max { left, right in
            switch (slots[left].occupant, slots[right].occupant) {
            case (.nothing(let left), .nothing(let right)): left < right
            case (.child, .nothing): true
            case (.nothing, .child): false
            case (.child(let left, _), .child(let right, _)): left < right
            }
        }
    }

    private func index(of child: ChildID) -> Int? {
        slots.firstIndex { slot in
            if case .child(child, _) = slot.occupant { true } else { false }
        }
    }

    private func backoff(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let base = timing.backoffBase.milliseconds << Int64(min(failures - 1, 20))
        return .milliseconds(Int64.random(in: 0...min(base, timing.backoffMax.milliseconds), using: &generator))
    }
}
