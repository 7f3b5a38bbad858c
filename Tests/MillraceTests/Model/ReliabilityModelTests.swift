// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

/// Every interleaving of one job's life with a few faults, on the rules that the product runs.
///
/// With all guards in place everything holds; with one of them taken away something breaks, which shows that the model can
/// tell. `MILLRACE_MODEL_FAULTS` allows more faults than two in one run.
@Suite struct ReliabilityModelTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        /// What breaks; nil where all holds.
        let flaw: ModelState.Flaw?
        let change: @Sendable (inout Guards) -> Void

        init(_ name: String, breaks flaw: ModelState.Flaw? = nil, _ change: @escaping @Sendable (inout Guards) -> Void)
        {
            self.name = name
            self.flaw = flaw
            self.change = change
        }

        var testDescription: String { name }

        var guards: Guards {
            var guards = Guards()
            change(&guards)
            return guards
        }
    }

    private static let started = ModelState.Flaw.startedAfterEnd
    private static let refused = ModelState.Flaw.refusedHolder
    private static let inCompany = ModelState.Flaw.startedInCompany
    private static let lost = ModelState.Flaw.neverEnds

    private static func only(_ faults: FaultBudget.Fault...) -> [FaultBudget.Fault: Int] {
        Dictionary(uniqueKeysWithValues: faults.map { ($0, 1) })
    }

    private static let faultsWished = ProcessInfo.processInfo.environment["MILLRACE_MODEL_FAULTS"].flatMap(Int.init)

    @Test func `with all guards every property holds`() {
        var guards = Guards()
        guards.faultsMax = Self.faultsWished ?? guards.faultsMax

        let result = ModelExplorer.explore(guards)

        #expect(result.flaw == nil, "\(result.events.joined(separator: " → "))")
        #expect(result.stateCount > 10_000)
    }

    /// Durability `redis`: what begins without a claim, and gets its row when that ends, or another attempt is to begin.
    @Test func `with all guards every property holds for a job without a row, but for what Redis loses`() {
        var guards = Guards()
        guards.faultsMax = Self.faultsWished ?? guards.faultsMax
        guards.isEntrusted = true
        // It would be handed out twice at once, as the first attempt and as a later one.
        guards.faults[.double] = nil

        let result = ModelExplorer.explore(guards)

        #expect(result.flaw == nil, "\(result.events.joined(separator: " → "))")
        #expect(result.stateCount > 10_000)
    }

    static let needed = [
        Variant("handlers start without a claim", breaks: started) { guards in
            (guards.claim, guards.fence) = (.absent, .unfinished)
        },
        Variant("handlers start without a claim, and a worker crashes before it has told the broker", breaks: started) {
            ($0.claim, $0.fence, $0.faults) = (.absent, .unfinished, only(.crash))
        },
        Variant("handlers start without a claim, and a push comes late", breaks: started) { guards in
            (guards.claim, guards.fence, guards.faults) = (.absent, .unfinished, only())
        },
        Variant("a running row is never taken over", breaks: lost) { $0.claim = .refusesRunning },
        Variant("a stale claim is dropped, and nobody asks the broker", breaks: lost) { guards in
            (guards.asksBroker, guards.faults) = (false, only(.clockBack, .crash))
        },
        Variant("outcomes are fenced by state alone", breaks: refused) { $0.fence = .running },
        Variant("outcomes are not fenced", breaks: .leftFinalState) { $0.fence = .absent },
        Variant("the broker numbers the attempts", breaks: refused) { $0.numbersInLedger = false },
        Variant("nothing sweeps", breaks: lost) { $0.sweep = .absent },
        Variant("the sweep leaves running rows alone", breaks: lost) { $0.sweep = .exceptRunning },
        Variant("flags are cleared before the push, and nothing sweeps", breaks: lost) { guards in
            (guards.pushesFirst, guards.sweep, guards.faults) = (false, .absent, only(.reopen, .relayCrash))
        },
        Variant("an id is never busy, and nothing sweeps", breaks: lost) { guards in
            (guards.answersBusy, guards.sweep, guards.faults) = (false, .absent, only(.reopen))
        },
        Variant("a cancellation that comes late empties what runs again", breaks: .stoppedHolder) { guards in
            (guards.cancelSparesOthers, guards.faults) = (false, only(.cancel, .reopen))
        },
        Variant("what was cancelled late is not flagged again, and nothing sweeps", breaks: lost) { guards in
            (guards.flagsAgain, guards.sweep, guards.faults) = (false, .absent, only(.cancel, .reopen))
        },
        Variant("the relay clears a flag that was set after its push, and nothing sweeps", breaks: lost) { guards in
            (guards.clearsOwnFlag, guards.sweep, guards.faults) = (false, .absent, only(.cancel, .reopen))
        },
        Variant("suspects are claimed like any job", breaks: inCompany) { $0.claimsSuspectsAlone = false },
        Variant("a crash buries whatever ran", breaks: .buriedInCompany) { $0.buriesAlone = false },
        Variant("a crash buries what was claimed and had not started", breaks: .buriedUnstarted) { guards in
            (guards.blamesStarted, guards.faultsMax, guards.faults) = (false, 3, [.trap: 2, .lostReply: 1])
        },
        Variant("nobody runs the suspects", breaks: lost) { guards in
            (guards.runsSuspects, guards.faults) = (false, only(.trap))
        },
        Variant("a rebuild pushes nothing, and nothing sweeps", breaks: lost) { guards in
            (guards.rebuildPushes, guards.sweep, guards.faults) = (false, .absent, only(.flush))
        },
        Variant("every reservation of a job without a row is its first", breaks: started) { guards in
            (guards.isEntrusted, guards.marksEnvelope, guards.faults) = (true, false, only(.crash))
        },
        Variant("a first attempt starts whatever became of its lease", breaks: started) { guards in
            (guards.isEntrusted, guards.startsHeldOnly, guards.faults) = (true, false, only(.expiry))
        },
        Variant("what is claimed without a row has not begun", breaks: refused) { guards in
            (guards.isEntrusted, guards.adoptsAsRunning, guards.faults) = (true, false, only(.expiry, .failure))
        },
        Variant("the outcome of a first attempt is written whatever the row says", breaks: .attemptJumped) { guards in
            (guards.isEntrusted, guards.insertsOnce, guards.faults) = (true, false, only(.expiry))
        },
        Variant("a job that is cancelled without a row has not begun", breaks: refused) { guards in
            (guards.isEntrusted, guards.countsCancelled) = (true, false)
            (guards.faults, guards.faultsMax) = (only(.cancel, .reopen, .failure), 3)
        },
        Variant("nobody looks for a first attempt that began during its cancellation", breaks: .unheardCancel) {
            guards in
            (guards.isEntrusted, guards.looksAgain, guards.faults) = (true, false, only(.cancel))
        },
    ]

    @Test(arguments: needed)
    func `without its guard something breaks`(_ variant: Variant) {
        let result = ModelExplorer.explore(variant.guards)

        #expect(result.flaw == variant.flaw, "\(result.events.joined(separator: " → "))")
    }

    /// Some guards the sweep would make up for, within minutes: they do their part without it.
    static let sufficient = [
        Variant("flags are cleared after the push") { guards in
            (guards.sweep, guards.faults) = (.absent, only(.reopen, .relayCrash))
        },
        Variant("an id is busy while its last lease is there") { guards in
            (guards.sweep, guards.faults) = (.absent, only(.reopen))
        },
        Variant("what was cancelled late is flagged again, and the relay leaves that flag") { guards in
            (guards.sweep, guards.faults) = (.absent, only(.cancel, .reopen))
        },
        Variant("a rebuild pushes what the ledger has") { guards in
            (guards.sweep, guards.faults) = (.absent, only(.flush))
        },
    ]

    @Test(arguments: sufficient)
    func `without the sweep all holds where only its own fault occurs`(_ variant: Variant) {
        let result = ModelExplorer.explore(variant.guards)

        #expect(result.flaw == nil, "\(result.events.joined(separator: " → "))")
    }
}
