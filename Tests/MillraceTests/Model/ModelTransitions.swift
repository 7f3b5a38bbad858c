// SPDX-License-Identifier: Apache-2.0

import Millrace

/// All that may happen next in a state.
///
/// Whatever the ledger does is `JobLifecycle`; whatever the broker does is `ModelBroker`. A fault is an event that nobody may
/// count on; what is left must reach an end without one.
struct ModelTransitions {
    struct Event: Equatable {
        var name: StaticString
        var isFault = false

        static func == (left: Event, right: Event) -> Bool { "\(left.name)" == "\(right.name)" }
    }

    let guards: Guards
    let id: JobID
    private let template: JobLifecycle
    let now = Timestamp(unixMilliseconds: 1_767_225_600_000)
    let later: Timestamp
    let process = ProcessID(number: 1)

    init(_ guards: Guards) {
        self.guards = guards
        var generator = SystemRandomNumberGenerator()
        id = JobID(at: now, using: &generator)
        let job = NewJob(id: id, kind: "model.test", payload: [], maxAttempts: guards.maxAttempts)
        template = JobLifecycle(of: job, now: now)
        later = now + .seconds(60)
    }

    /// Calls `visit` with each event and the state after it, which is canonical.
    func forEach(from state: ModelState, _ visit: (Event, ModelState) -> Void) {
        func emit(_ event: Event, _ next: ModelState) {
            var next = next
            check(from: state, &next, event)
            next.canonicalize()
            visit(event, next)
        }
        pushers(state, emit)
        sweepAndRebuild(state, emit)
        brokerAlone(state, emit)
        operators(state, emit)
        worker(state, \.workers.0, emit)
        worker(state, \.workers.1, emit)
        if state.row.isDueLater { change(state, "time passes", emit) { $0.row.isDueLater = false } }
        if state.isClockBack {
            // It may take hours: nothing may wait for it.
            var next = state
            next.isClockBack = false
            emit(Event(name: "broker's clock is right again", isFault: true), next)
        }
    }

    typealias Emit = (Event, ModelState) -> Void
    typealias Place = WritableKeyPath<ModelState, ModelState.Worker>

    func change(_ state: ModelState, _ name: StaticString, _ emit: Emit, _ effect: (inout ModelState) -> Void) {
        var next = state
        effect(&next)
        emit(Event(name: name), next)
    }

    func fault(
        _ state: ModelState, _ fault: FaultBudget.Fault, _ name: StaticString, _ emit: Emit,
        _ effect: (inout ModelState) -> Void
    ) {
        guard let budget = state.budget.spending(fault) else { return }
        var next = state
        next.budget = budget
        effect(&next)
        emit(Event(name: name, isFault: true), next)
    }

    // MARK: - Those who push

    private func pushers(_ state: ModelState, _ emit: Emit) {
        if state.submitter.step == .mayPush {
            change(state, "submitter pushes", emit) { next in
                _ = push(&next, lastToken: 0)
                next.submitter = ModelState.Pusher()
            }
            fault(state, .pusherCrash, "submitter CRASHES", emit) { $0.submitter = ModelState.Pusher() }
        }
        switch state.relay.step {
        case .idle:
            guard state.row.isFlagged else { return }
            change(state, "relay reads", emit) { next in
                next.relay = ModelState.Pusher(step: .hasRead, token: next.row.token)
                if !guards.pushesFirst { next.row.isFlagged = false }
            }
        case .hasRead, .mayPush:
            change(state, "relay pushes", emit) { next in
                let isDone = push(&next, lastToken: next.relay.token)
                let isToClear = isDone && guards.pushesFirst
                next.relay =
                    isToClear
                    ? ModelState.Pusher(step: .hasPushed, isOutdated: next.relay.isOutdated) : ModelState.Pusher()
            }
            fault(state, .relayCrash, "relay CRASHES", emit) { $0.relay = ModelState.Pusher() }
        case .hasPushed:
            change(state, "relay clears the flag", emit) { next in
                if !next.relay.isOutdated || !guards.clearsOwnFlag { next.row.isFlagged = false }
                next.relay = ModelState.Pusher()
            }
            fault(state, .relayCrash, "relay CRASHES", emit) { $0.relay = ModelState.Pusher() }
        }
    }

    private func sweepAndRebuild(_ state: ModelState, _ emit: Emit) {
        let isWanted = !state.row.state.isFinal && !state.row.isFlagged && !state.row.isAbsent
        let isTrusted = (state.row.state == .running || state.row.isAbsent) && state.isHeldAlive
        if guards.sweep != .absent {
            switch state.sweep.step {
            case .idle:
                guard isWanted, guards.sweep == .all || state.row.state != .running else { break }
                let read = ModelState.Pusher(step: .hasRead, token: state.row.token)
                if isTrusted {
                    fault(state, .staleOwner, "sweep reads, and the live owner is SILENT", emit) { $0.sweep = read }
                } else {
                    change(state, "sweep reads", emit) { $0.sweep = read }
                }
            case .hasRead:
                change(state, "sweep asks the broker", emit) { next in
                    let isMissing = next.broker.isCurrent && next.broker.envelope == .none
                    next.sweep =
                        isMissing ? ModelState.Pusher(step: .mayPush, token: next.sweep.token) : ModelState.Pusher()
                }
            case .mayPush, .hasPushed:
                change(state, "sweep pushes", emit) { next in
                    _ = push(&next, lastToken: next.sweep.token)
                    next.sweep = ModelState.Pusher()
                }
                fault(state, .pusherCrash, "sweep CRASHES", emit) { $0.sweep = ModelState.Pusher() }
            }
        }
        guard !state.broker.isCurrent else { return }
        if state.rebuild.step == .idle {
            // It waits until all that live have declared what they run.
            let mayPush = !isTrusted || state.broker.envelope != .none
            let effect = { (next: inout ModelState) in
                if isWanted, guards.rebuildPushes { _ = push(&next, lastToken: next.row.token) }
                next.rebuild = ModelState.Pusher(step: .hasPushed)
            }
            if mayPush {
                change(state, "rebuild pushes", emit, effect)
            } else {
                fault(state, .staleOwner, "rebuild pushes, and the live owner is SILENT", emit, effect)
            }
        } else {
            change(state, "rebuild writes the epoch", emit) { next in
                next.broker.isCurrent = true
                next.rebuild = ModelState.Pusher()
            }
            fault(state, .pusherCrash, "rebuild CRASHES", emit) { $0.rebuild = ModelState.Pusher() }
        }
    }

    /// False when the broker is busy with the job.
    private func push(_ next: inout ModelState, lastToken: UInt8) -> Bool {
        next.broker.enqueue(
            lastToken: lastToken, isDueLater: next.row.isDueLater, isSuspect: next.row.isSuspect,
            answersBusy: guards.answersBusy)
    }

    // MARK: - The broker by itself, and operators

    private func brokerAlone(_ state: ModelState, _ emit: Emit) {
        if state.broker.isScheduled { change(state, "broker promotes", emit) { $0.broker.promote() } }
        for token in [state.broker.leases.0, state.broker.leases.1] where token != 0 {
            let isHeld = [state.workers.0, state.workers.1].contains { $0.step != .idle && $0.token == token }
            if isHeld {
                fault(state, .expiry, "a lease EXPIRES under its holder", emit) { $0.broker.release(token) }
            } else {
                change(state, "a lease expires", emit) { $0.broker.release(token) }
            }
        }
        if !state.broker.isAbsent || state.broker.isCurrent {
            fault(state, .flush, "broker LOSES all data", emit) { next in
                next.hasLostOnlyCopy = next.hasLostOnlyCopy || next.row.isAbsent
                // What it was told it has forgotten.
                next.canceller.wroteRow = false
                next.broker = ModelBroker()
                next.broker.isCurrent = false
                next.rebuild = ModelState.Pusher()
            }
        }
        if state.budget.left(.rewind) > 0 {
            if state.snapshot == nil { change(state, "(a snapshot is taken)", emit) { $0.snapshot = $0.broker } }
            if let snapshot = state.snapshot, snapshot != state.broker {
                fault(state, .rewind, "broker REWINDS to its snapshot", emit) { next in
                    next.hasLostOnlyCopy = guards.isEntrusted
                    next.broker = snapshot
                }
            }
        }
        if !state.isClockBack { fault(state, .clockBack, "broker's clock goes BACK", emit) { $0.isClockBack = true } }
        if state.broker.envelope != .none, state.broker.entries < 2 {
            fault(state, .double, "an entry is DOUBLED", emit) { $0.broker.entries += 1 }
        }
    }

    private func operators(_ state: ModelState, _ emit: Emit) {
        switch state.canceller.step {
        case .idle where state.row.isAbsent:
            guard state.broker.envelope == .full else { break }
            fault(state, .cancel, "an operator finds a job without a row, to cancel it", emit) { next in
                next.canceller = ModelState.Canceller(step: .hasFound, token: next.broker.leases.0)
            }
        case .hasFound:
            change(state, "an operator cancels what was found", emit) { cancelFound(&$0) }
        case .idle:
            guard !state.row.state.isFinal else { break }
            fault(state, .cancel, "an operator cancels", emit) { next in
                let token = next.row.token
                update(&next) { life in _ = life.cancel(now: now) }
                next.canceller = ModelState.Canceller(step: .isUnderWay, token: token)
            }
        case .isUnderWay:
            change(state, "cancellation reaches the broker", emit) { next in
                next.broker.cancel(next.canceller.token, sparesOthers: guards.cancelSparesOthers)
                let mayBeUnclaimed = next.canceller.wroteRow && next.canceller.token == 0
                next.canceller = ModelState.Canceller(
                    step: mayBeUnclaimed && guards.looksAgain ? .looksAgain : .wasTold, wroteRow: mayBeUnclaimed)
            }
            fault(state, .pusherCrash, "cancellation is LOST on its way to the broker", emit) { next in
                next.canceller = ModelState.Canceller()
            }
        case .looksAgain:
            change(state, "canceller looks again", emit) { next in
                for token in [state.broker.leases.0, state.broker.leases.1] where token != 0 {
                    guard next.broker.envelope == .full else { break }
                    next.broker.cancel(token, sparesOthers: guards.cancelSparesOthers)
                }
                next.canceller.step = .wasTold
            }
            fault(state, .pusherCrash, "canceller CRASHES", emit) { $0.canceller = ModelState.Canceller() }
        case .wasTold:
            change(state, "what was cancelled is flagged, should it be open again", emit) { next in
                if guards.flagsAgain {
                    update(&next) { life in life.flagAgain() }
                    if next.relay.step != .idle { next.relay.isOutdated = true }
                }
                let isUnheard = [state.workers.0, state.workers.1].contains { worker in
                    worker.isFirst && worker.step == .running && state.broker.holds(worker.token)
                }
                let isCertain = state.canceller.wroteRow && state.row.state == .cancelled && !state.hasLostOnlyCopy
                if isUnheard, isCertain { next.flaw = .unheardCancel }
                next.canceller = ModelState.Canceller()
            }
            fault(state, .pusherCrash, "canceller CRASHES", emit) { $0.canceller = ModelState.Canceller() }
        }
        if state.row.state.isFinal {
            fault(state, .reopen, "an operator retries", emit) { next in
                update(&next) { life in _ = life.reopen(now: now) }
                next.recorded = 0
                next.workers.0.isOverruled = next.workers.0.step != .idle
                next.workers.1.isOverruled = next.workers.1.step != .idle
            }
        }
    }

    /// It may have got its row since it was found.
    private func cancelFound(_ next: inout ModelState) {
        guard next.row.isAbsent else {
            let isOver = next.row.state.isFinal
            update(&next) { life in _ = life.cancel(now: now) }
            next.canceller = ModelState.Canceller(
                step: isOver ? .idle : .isUnderWay, token: isOver ? 0 : next.row.token)
            return
        }
        let token = next.canceller.token
        next.row.attempt = token != 0 || guards.countsCancelled ? 1 : 0
        (next.row.isAbsent, next.row.state, next.row.token) = (false, .cancelled, token)
        next.canceller = ModelState.Canceller(step: .isUnderWay, token: token, wroteRow: true)
    }

    // MARK: - The ledger

    func token(_ number: UInt8) -> LeaseToken {
        LeaseToken(reservedAtMicroseconds: UInt64(number), process: process, lane: .normal)
    }

    /// Applies a rule of the ledger to the row.
    func update(_ state: inout ModelState, _ rule: (inout JobLifecycle) -> Void) {
        var life = template
        life.state = state.row.state
        life.attempt = Int(state.row.attempt)
        life.failures = Int(state.row.failures)
        life.token = state.row.token == 0 ? nil : token(state.row.token)
        life.isFlagged = state.row.isFlagged
        life.dueAt = state.row.isDueLater ? later : now
        life.crashes = Int(state.row.crashes)
        life.isSuspect = state.row.isSuspect
        rule(&life)
        let row = ModelState.Row(
            state: life.state, attempt: UInt8(life.attempt), failures: UInt8(life.failures),
            token: UInt8(life.token?.reservedAtMicroseconds ?? 0), isFlagged: life.isFlagged,
            isDueLater: life.dueAt > now, crashes: life.state.isFinal ? 0 : UInt8(min(life.crashes, 1)),
            isSuspect: life.isSuspect && !life.state.isFinal, isAbsent: state.row.isAbsent)
        if row != state.row, state.relay.step != .idle { state.relay.isOutdated = true }
        state.row = row
    }

    /// What must hold of every step.
    private func check(from state: ModelState, _ next: inout ModelState, _ event: Event) {
        guard next.flaw == nil else { return }
        if next.recorded > 1 {
            next.flaw = .recordedTwice
        } else if state.row.state.isFinal, next.row.state != state.row.state,
            state.budget.left(.reopen) == next.budget.left(.reopen) || next.row.state != .ready
        {
            next.flaw = .leftFinalState
        } else if Int(next.row.failures) > guards.maxAttempts {
            next.flaw = .budgetExceeded
        } else if guards.numbersInLedger, next.row.attempt != state.row.attempt, !state.row.isAbsent {
            let isClaim = next.row.token != 0 && next.row.state == .running
            if next.row.attempt != state.row.attempt + 1 || !isClaim { next.flaw = .attemptJumped }
        }
    }
}
