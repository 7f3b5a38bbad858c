// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Millrace

@Suite("FailpointPlan") struct FailpointPlanTests {
    @Test func `a plan names what happens where, and how often`() throws {
        let plan = try FailpointPlan(
            "acceptedNotPushed:kill,reservedNotClaimed:kill@3,sweepPushed:stall(2s),reclaimed:stall(250ms)@2,fence:off")

        #expect(
            plan.arms == [
                .acceptedNotPushed: .init(action: .kill, hit: nil),
                .reservedNotClaimed: .init(action: .kill, hit: 3),
                .sweepPushed: .init(action: .stall(.seconds(2)), hit: nil),
                .reclaimed: .init(action: .stall(.milliseconds(250)), hit: 2),
            ])
        #expect(plan.off == [.fence])
    }

    @Test(arguments: [
        "acceptedNotPushed", "acceptedNotPushed:", "acceptedNotPushed:kill@0", "acceptedNotPushed:kill@x",
        "acceptedNotPushed:off", "acceptedNotPushed:stall", "acceptedNotPushed:stall(2)", "acceptedNotPushed:stall(0s)",
        "acceptedNotPushed:stall(3601s)", "nowhere:kill", "fence:kill", "fence",
    ])
    func `what says nothing is refused, and named`(entry: String) {
        #expect(throws: FailpointError(entry: entry)) { try FailpointPlan("sweepPushed:kill,\(entry)") }
    }

    @Test func `what cannot be read arms nothing, and an empty one is no plan`() throws {
        var told: [String] = []

        #expect(throws: FailpointError(entry: "nowhere:kill")) {
            try FailpointPlan.arm("nowhere:kill") { told.append($0) }
        }
        try FailpointPlan.arm("") { told.append($0) }
        try FailpointPlan.arm(nil) { told.append($0) }

        #expect(told.isEmpty && !FailpointPlan.isArmed)
    }

    @Test func `nothing is armed by itself`() {
        #expect(!FailpointPlan.isArmed)
        #expect(Safeguard.allCases.allSatisfy { !$0.isOff })
    }
}
