// SPDX-License-Identifier: Apache-2.0

/// The guards of the design, each of which can be taken away: what then breaks is why it is there.
struct Guards {
    enum Claim {
        case required
        /// Handlers start without asking the ledger.
        case absent
        /// A row that is running is never taken over.
        case refusesRunning
    }

    enum Fence {
        /// By attempt and state.
        case strict
        /// By state alone.
        case running
        /// By whether the row has ended.
        case unfinished
        case absent
    }

    enum Sweep {
        case all, exceptRunning, absent
    }

    var claim = Claim.required
    /// The job is accepted into the broker alone, and gets its row late.
    var isEntrusted = false
    /// The first reservation of such a job marks it, so that every later one is claimed.
    var marksEnvelope = true
    /// What needs no claim starts while its lease stands for certain.
    var startsHeldOnly = true
    /// What is claimed without a row gets one first, in the attempt that may have begun.
    var adoptsAsRunning = true
    /// Of an attempt without a claim the outcome makes a row only where there is none by then.
    var insertsOnce = true
    /// A cancellation of a job without a row counts the attempt that may have begun.
    var countsCancelled = true
    /// Whoever cancels a job without a row looks once more for an attempt that began meanwhile.
    var looksAgain = true
    var fence = Fence.strict
    var sweep = Sweep.all
    /// The ledger, not the broker, numbers attempts.
    var numbersInLedger = true
    /// The relay pushes before it clears the flag.
    var pushesFirst = true
    /// An id whose last lease or cancelled entry is still there is busy.
    var answersBusy = true
    /// A cancellation ends no lease but the one that it was meant for.
    var cancelSparesOthers = true
    /// The relay clears no flag but the one that it pushed for.
    var clearsOwnFlag = true
    /// What is open again when the broker has heard of a cancellation is flagged.
    var flagsAgain = true
    /// A stale token is claimed by force where the broker says that its lease stands.
    var asksBroker = true
    /// The rebuild of a broker that has lost data pushes what the ledger has.
    var rebuildPushes = true
    /// A suspect is claimed alone or not at all.
    var claimsSuspectsAlone = true
    /// Only what ran alone is buried.
    var buriesAlone = true
    /// Of what ran alone only a job whose handler has started is blamed.
    var blamesStarted = true
    /// Somebody runs the suspects.
    var runsSuspects = true
    var maxAttempts = 2
    var faults: [FaultBudget.Fault: Int] = [
        .flush: 1, .rewind: 1, .crash: 1, .pusherCrash: 1, .relayCrash: 1, .expiry: 1, .lostReply: 1, .failure: 2,
        .staleOwner: 1,
        .interruption: 1, .clockBack: 1, .double: 1, .cancel: 1, .reopen: 1, .trap: 2,
    ]
    var faultsMax = 2
}
