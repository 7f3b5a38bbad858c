// SPDX-License-Identifier: Apache-2.0

import Millrace

/// All that matters of one job, two workers, the parts that push it and both stores, in a few bytes.
///
/// Tokens are small numbers in the order of their reservation; 0 is none. ``canonical(_:)`` numbers them anew, so that states
/// which differ by their names only are one state.
struct ModelState: Hashable {
    /// The ledger's row, without what no rule reads.
    struct Row: Hashable {
        var state = JobState.ready
        var attempt: UInt8 = 0
        var failures: UInt8 = 0
        var token: UInt8 = 0
        var isFlagged = false
        var isDueLater = false
        /// One stands for more.
        var crashes: UInt8 = 0
        var isSuspect = false
        /// The broker alone has the job.
        var isAbsent = false
    }

    /// What a worker does next with the lease that it holds, or believes to hold.
    struct Worker: Hashable, Comparable {
        enum Step: UInt8 {
            case idle
            /// Reserved; claims next.
            case leased
            /// The ledger has seen a newer token; asks the broker whether the lease stands.
            case asking
            /// As above, and the broker said yes; claims by force.
            case confirmed
            case running
            /// The handler returned, failed, or was cut short; records next.
            case succeeded, failed, interrupted
            /// The ledger has the outcome; tells the broker.
            case completing, retrying, releasing
            /// It may not run it: moves it to the suspects.
            case quarantining
        }

        var step = Step.idle
        var token: UInt8 = 0
        var attempt: UInt8 = 0
        /// An operator opened the job again while it ran here.
        var isOverruled = false
        /// Nothing else runs in its process.
        var isAlone = false
        /// It was told that the attempt is the first one, which needs no claim.
        var isFirst = false

        /// A handler of this attempt may be at work, or its outcome is still to be recorded.
        var isLive: Bool {
            switch step {
            case .running, .succeeded, .failed, .interrupted: true
            case .idle, .leased, .asking, .confirmed, .completing, .retrying, .releasing, .quarantining: false
            }
        }

        static func < (left: Worker, right: Worker) -> Bool {
            (left.step.rawValue, left.token, left.attempt, left.traits)
                < (right.step.rawValue, right.token, right.attempt, right.traits)
        }

        private var traits: Int { (isOverruled ? 1 : 0) + (isAlone ? 2 : 0) + (isFirst ? 4 : 0) }
    }

    /// Somebody who pushes in steps, with others acting in between.
    struct Pusher: Hashable {
        enum Step: UInt8 {
            case idle
            /// Has read the row.
            case hasRead
            /// Has heard that the broker does not know the job.
            case mayPush
            case hasPushed
        }

        var step = Step.idle
        /// The row's token when it was read.
        var token: UInt8 = 0
        /// The row was written since it was read.
        var isOutdated = false
    }

    /// An operator's cancellation on its way from the ledger to the broker.
    struct Canceller: Hashable {
        enum Step: UInt8 {
            case idle
            /// Has found a job without a row in the broker.
            case hasFound
            /// The ledger has it.
            case isUnderWay
            /// The broker has it; looks for an attempt that the row does not know.
            case looksAgain
            /// The broker has it; flags the job next, should it be open again.
            case wasTold
        }

        var step = Step.idle
        /// The row's token when it was cancelled.
        var token: UInt8 = 0
        /// There was no row, so an attempt may have begun without its knowledge.
        var wroteRow = false
    }

    /// The same in all states of one exploration.
    private let isEntrusted: Bool
    var row = Row()
    var broker = ModelBroker()
    /// What a rewind brings back; nil before a snapshot was taken.
    var snapshot: ModelBroker?
    var workers = (Worker(), Worker())
    /// Of the process that accepted the job: its push comes at any time, or never.
    var submitter = Pusher(step: .mayPush)
    var relay = Pusher()
    var sweep = Pusher()
    var rebuild = Pusher()
    var canceller = Canceller()
    /// Successes recorded since the job was accepted or opened again; more than two are two.
    var recorded: UInt8 = 0
    /// Tokens of now are older than those before.
    var isClockBack = false
    /// The broker has lost, or gone back to, what was the only copy.
    var hasLostOnlyCopy = false
    var budget: FaultBudget
    var flaw: Flaw?

    /// - Parameter isEntrusted: the broker alone has the job, and nobody but its workers pushes it.
    init(budget: FaultBudget, isEntrusted: Bool = false) {
        self.budget = budget
        self.isEntrusted = isEntrusted
        guard isEntrusted else { return }
        row.isAbsent = true
        (broker.envelope, broker.isFresh, broker.entries) = (.full, true, 1)
        submitter = Pusher()
    }

    enum Flaw: String {
        case startedAfterEnd = "a handler started after the job had ended"
        case stoppedHolder = "a holder that nobody replaced or cancelled was told that its lease is lost"
        case refusedHolder = "the success of a holder that nobody replaced was refused"
        case leftFinalState = "a final state was left, and no operator asked for it"
        case recordedTwice = "two successes were recorded"
        case attemptJumped = "the attempt changed by more than one, or outside of a claim"
        case budgetExceeded = "there were more failures than the budget has"
        case startedInCompany = "a suspect started that was not alone"
        case buriedInCompany = "a crash buried a job that was not alone"
        case unheardCancel = "a first attempt went on that had begun before its job's cancellation was over"
        case buriedUnstarted = "a crash buried a job whose handler had not started"
        case neverEnds = "the job is lost: there is no way to its end"
        case neverForgotten = "the broker never forgets the job"
    }

    static func == (left: ModelState, right: ModelState) -> Bool {
        left.row == right.row && left.broker == right.broker && left.snapshot == right.snapshot
            && left.workers == right.workers && left.submitter == right.submitter && left.relay == right.relay
            && left.sweep == right.sweep && left.rebuild == right.rebuild && left.canceller == right.canceller
            && left.recorded == right.recorded && left.isClockBack == right.isClockBack
            && left.hasLostOnlyCopy == right.hasLostOnlyCopy && left.budget == right.budget && left.flaw == right.flaw
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(row)
        hasher.combine(broker)
        hasher.combine(snapshot)
        hasher.combine(workers.0)
        hasher.combine(workers.1)
        hasher.combine(submitter)
        hasher.combine(relay)
        hasher.combine(sweep)
        hasher.combine(rebuild)
        hasher.combine(canceller)
        hasher.combine(recorded)
        hasher.combine(isClockBack)
        hasher.combine(hasLostOnlyCopy)
        hasher.combine(budget)
    }

    /// A holder that may still write with this attempt, so that nobody needs to push the job for it.
    var isHeldAlive: Bool {
        [workers.0, workers.1].contains { $0.isLive && (row.isAbsent ? $0.isFirst : $0.attempt == row.attempt) }
    }

    /// Names tokens, attempts and workers by their order, and forgets what can no longer matter: so there are finitely many
    /// states, however often a job is taken over.
    mutating func canonicalize() {
        if budget.left(.rewind) == 0 { snapshot = nil }
        Self.forgetFirst(&workers.0)
        Self.forgetFirst(&workers.1)
        canonicalizeAttempts()
        if workers.1 < workers.0 { workers = (workers.1, workers.0) }
        var names = [UInt8](repeating: 0, count: 64)
        forEachToken { if $0 != 0 { names[Int($0)] = 1 } }
        var last: UInt8 = 0
        for number in 1..<64 where names[number] != 0 {
            last += 1
            names[number] = last
        }
        forEachToken { $0 = names[Int($0)] }
        if workers.1 < workers.0 { workers = (workers.1, workers.0) }
    }

    /// Once it has been recorded it does not matter whether an attempt was claimed.
    private static func forgetFirst(_ worker: inout Worker) {
        if !worker.isLive, worker.step != .leased { worker.isFirst = false }
    }

    private mutating func canonicalizeAttempts() {
        // Where the broker numbers them, numbers to come must keep their meaning.
        guard broker.reservations == 0 else { return }
        if !workers.0.isLive { workers.0.attempt = 0 }
        if !workers.1.isLive { workers.1.attempt = 0 }
        // What begins without a claim is the first one, whatever others there are.
        let attempts = [row.attempt, workers.0.attempt, workers.1.attempt] + (isEntrusted ? [1] : [])
        func rank(_ attempt: UInt8) -> UInt8 {
            attempt == 0 ? 0 : UInt8(Set(attempts).count { $0 != 0 && $0 <= attempt })
        }
        row.attempt = rank(attempts[0])
        workers.0.attempt = rank(attempts[1])
        workers.1.attempt = rank(attempts[2])
    }

    /// Newer than all others, or older while the broker's clock is back.
    mutating func freshToken() -> UInt8 {
        if !isClockBack {
            var newest: UInt8 = 0
            forEachToken { newest = max(newest, $0) }
            return newest + 1
        }
        forEachToken { if $0 != 0 { $0 += 1 } }
        return 1
    }

    private mutating func forEachToken(_ visit: (inout UInt8) -> Void) {
        visit(&row.token)
        visit(&broker.leases.0)
        visit(&broker.leases.1)
        if var saved = snapshot {
            visit(&saved.leases.0)
            visit(&saved.leases.1)
            snapshot = saved
        }
        visit(&workers.0.token)
        visit(&workers.1.token)
        visit(&submitter.token)
        visit(&relay.token)
        visit(&sweep.token)
        visit(&rebuild.token)
        visit(&canceller.token)
    }
}

/// What may go wrong in one run, each kind a number of times, and all together no more than a total.
struct FaultBudget: Hashable {
    enum Fault: Int, CaseIterable {
        case flush, rewind, crash, pusherCrash, relayCrash, expiry, lostReply, failure, staleOwner, interruption,
            clockBack, double
        case cancel, reopen
        /// A process ends by a signal from within, and its supervisor sees it.
        case trap
    }

    private var counts: UInt64 = 0
    private static let totalShift = 60

    init(total: Int, of faults: [Fault: Int]) {
        for (fault, count) in faults { counts |= UInt64(count) << (4 * fault.rawValue) }
        counts |= UInt64(total) << Self.totalShift
    }

    func left(_ fault: Fault) -> Int {
        Int(counts >> (4 * fault.rawValue) & 15)
    }

    /// nil when there is none left. Without a total left nothing is.
    func spending(_ fault: Fault) -> FaultBudget? {
        guard left(fault) > 0, counts >> Self.totalShift > 0 else { return nil }
        var budget = self
        budget.counts -= 1 << (4 * fault.rawValue)
        budget.counts -= 1 << Self.totalShift
        if budget.counts >> Self.totalShift == 0 { budget.counts = 0 }
        return budget
    }
}
