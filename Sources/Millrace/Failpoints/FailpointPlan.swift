// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What this process does at which failpoints, as ``variable`` says: a list with commas between.
///
/// Nothing is armed before somebody has been told: a program that does not call ``arm(_:tell:)`` has no failpoints.
///
/// - `recordedNotAcknowledged:kill` ends the process by SIGKILL; `…:kill@3` only the third time.
/// - `claimedNotStarted:stall(2s)` blocks the thread for so long each time; `…:stall(250ms)@3` only the third time.
/// - `fence:off` switches a ``Safeguard`` off.
package final class FailpointPlan: Sendable {
    package static let variable = "MILLRACE_FAILPOINTS"
    private static let stallMax: Duration = .seconds(3600)

    private static let armed = Mutex(FailpointPlan())
    private static let hasArmed = Atomic(false)

    package static var isArmed: Bool { hasArmed.load(ordering: .relaxed) }
    static var current: FailpointPlan { armed.withLock(\.self) }

    /// Arms what a text says, in this process and for good; nil and an empty one say nothing.
    ///
    /// - Parameter tell: called with a warning before anything is armed.
    /// - Throws: for a text that cannot be read, of which nothing is armed.
    package static func arm(_ text: String?, tell: (String) -> Void) throws(FailpointError) {
        let plan = try FailpointPlan(text ?? "")
        guard !plan.isEmpty else { return }
        tell(
            "FAILPOINTS ARE ARMED: this process kills, stalls or cheats on purpose; never so in production: \(plan.text)"
        )
        armed.withLock { $0 = plan }
        hasArmed.store(true, ordering: .relaxed)
    }

    package enum Action: Sendable, Equatable {
        case kill
        case stall(Duration)
    }

    package struct Arm: Sendable, Equatable {
        package let action: Action
        /// nil = each time.
        package let hit: Int?
    }

    package let arms: [Failpoint: Arm]
    package let off: Set<Safeguard>
    private let text: String
    private let hits = Mutex<[Failpoint: Int]>([:])

    private init() {
        arms = [:]
        off = []
        text = ""
    }

    package init(_ text: String) throws(FailpointError) {
        var arms: [Failpoint: Arm] = [:]
        var off: Set<Safeguard> = []
        for entry in text.split(separator: ",") {
            let parts = entry.split(separator: ":", maxSplits: 1)
            let name = String(parts[0])
            if let safeguard = Safeguard(rawValue: name), parts.count == 2, parts[1] == "off" {
                off.insert(safeguard)
            } else if let point = Failpoint(rawValue: name), parts.count == 2, let arm = Self.arm(parts[1]) {
                arms[point] = arm
            } else {
                throw FailpointError(entry: String(entry))
            }
        }
        self.arms = arms
        self.off = off
        self.text = text
    }

    private var isEmpty: Bool { arms.isEmpty && off.isEmpty }

    func isOff(_ safeguard: Safeguard) -> Bool { off.contains(safeguard) }

    func reach(_ point: Failpoint) {
        guard let arm = arms[point] else { return }
        let hit = hits.withLock { hits in
            hits[point, default: 0] += 1
            return hits[point, default: 0]
        }
        guard arm.hit == nil || arm.hit == hit else { return }
        switch arm.action {
        case .kill: kill(getpid(), SIGKILL)
        case .stall(let duration): Self.block(for: duration)
        }
    }

    /// The thread itself, not the task: the caller's executor must not be left.
    private static func block(for duration: Duration) {
        let end = ContinuousClock.now + duration
        while true {
            let left = end - .now
            guard left > .zero else { return }
            var pause = timespec(
                tv_sec: Int(left.components.seconds), tv_nsec: Int(left.components.attoseconds / 1_000_000_000))
            nanosleep(&pause, nil)
        }
    }

    /// Reads `kill`, `kill@3` or `stall(250ms)@3`.
    private static func arm(_ text: Substring) -> Arm? {
        let parts = text.split(separator: "@", maxSplits: 1)
        var hit: Int?
        if parts.count == 2 {
            guard let number = Int(parts[1]), number > 0 else { return nil }
            hit = number
        }
        guard let action = parts.first else { return nil }
        if action == "kill" { return Arm(action: .kill, hit: hit) }
        guard action.hasPrefix("stall("), action.hasSuffix(")"),
            let duration = duration(action.dropFirst("stall(".count).dropLast()), duration <= stallMax
        else { return nil }
        return Arm(action: .stall(duration), hit: hit)
    }

    /// Reads `2s` or `250ms`.
    private static func duration(_ text: Substring) -> Duration? {
        if text.hasSuffix("ms") {
            return Int(text.dropLast(2)).flatMap { $0 > 0 && $0 <= 3_600_000 ? .milliseconds($0) : nil }
        }
        guard text.hasSuffix("s") else { return nil }
        return Int(text.dropLast()).flatMap { $0 > 0 && $0 <= 3600 ? .seconds($0) : nil }
    }
}

/// An entry of the plan that says nothing.
package struct FailpointError: Error, Equatable, CustomStringConvertible {
    package let entry: String

    package var description: String {
        "\(FailpointPlan.variable): \(entry) is no failpoint with kill, kill@N, stall(2s) or stall(2s)@N, "
            + "and no safeguard with off"
    }
}
