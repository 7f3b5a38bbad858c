// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What a worker does next, and what becomes of it.
extension ModelTransitions {
    func worker(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        if worker.step != .idle {
            fault(state, .crash, "a worker CRASHES", emit) { $0[keyPath: place] = ModelState.Worker() }
            trap(state, place, emit)
        }
        switch worker.step {
        case .idle:
            reserveSuspect(state, place, emit)
            guard state.broker.entries > 0, state.broker.isCurrent else { return }
            change(state, "a worker reserves", emit) { next in
                let token = next.freshToken()
                guard next.broker.reserve(token, isCounted: !guards.numbersInLedger) else { return }
                let (attempt, isFirst) = (next.broker.reservations, next.broker.isFresh)
                if guards.marksEnvelope { next.broker.isFresh = false }
                next[keyPath: place] = ModelState.Worker(
                    step: .leased, token: token, attempt: attempt, isFirst: isFirst)
            }
        case .leased where worker.isFirst: startFirst(state, place, emit)
        case .leased where state.row.isAbsent: adopt(state, place, emit)
        case .leased, .confirmed: claim(state, place, emit)
        case .asking:
            change(state, "a worker asks for its stale lease", emit) { next in
                let isOwned = next.broker.envelope == .full && next.broker.holds(worker.token)
                next[keyPath: place].step = isOwned && guards.asksBroker ? .confirmed : .idle
                if next[keyPath: place].step == .idle { next[keyPath: place] = ModelState.Worker() }
            }
        case .running:
            change(state, "a handler returns", emit) { $0[keyPath: place].step = .succeeded }
            fault(state, .failure, "a handler FAILS", emit) { $0[keyPath: place].step = .failed }
            fault(state, .interruption, "a worker shuts DOWN", emit) { $0[keyPath: place].step = .interrupted }
            extend(state, place, emit)
        case .succeeded, .failed, .interrupted:
            let mayInsert = worker.isFirst && (state.row.isAbsent || !guards.insertsOnce)
            if mayInsert { insert(state, place, emit) } else { record(state, place, emit) }
            extend(state, place, emit)
        case .completing, .retrying, .releasing, .quarantining:
            change(state, "a worker tells the broker", emit) { next in
                switch worker.step {
                case .retrying: next.broker.retry(worker.token)
                case .releasing: next.broker.release(worker.token)
                case .quarantining: next.broker.quarantine(worker.token)
                default: next.broker.complete(worker.token)
                }
                next[keyPath: place] = ModelState.Worker()
            }
        }
    }

    /// Where two suspects wait for one job, a fault has doubled it.
    private func reserveSuspect(_ state: ModelState, _ place: Place, _ emit: Emit) {
        guard guards.runsSuspects, state.broker.suspects > 0, state.broker.isCurrent else { return }
        change(state, "a worker reserves a suspect", emit) { next in
            let token = next.freshToken()
            guard next.broker.reserveSuspect(token, isCounted: !guards.numbersInLedger) else { return }
            let attempt = next.broker.reservations
            next[keyPath: place] = ModelState.Worker(step: .leased, token: token, attempt: attempt, isAlone: true)
        }
    }

    /// The supervisor blames the job, if it was running there, and tells the broker, or ends before that.
    private func trap(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        let isRunning = state.row.state == .running && state.row.token == worker.token
        // A claim whose reply was lost runs for the ledger alone; of what ran alone the process itself says so.
        let isBlamed = isRunning && (worker.isLive || !worker.isAlone || !guards.blamesStarted)
        let isBuried = isBlamed && (worker.isAlone || !guards.buriesAlone)
        var blamed = state
        blamed[keyPath: place] = ModelState.Worker()
        if isBlamed {
            let crash = ProcessCrash(process: process, alone: isBuried ? id : nil, report: "r")
            update(&blamed) { life in life.crash(crash, now: now) }
            if isBuried, !worker.isAlone {
                blamed.flaw = .buriedInCompany
            } else if isBuried, !worker.isLive {
                blamed.flaw = .buriedUnstarted
            }
        }
        fault(blamed, .trap, "a process TRAPS and is blamed", emit) { next in
            guard isBlamed else { return next.broker.release(worker.token) }
            if isBuried { next.broker.complete(worker.token) } else { next.broker.quarantine(worker.token) }
        }
        fault(blamed, .trap, "a process TRAPS and is blamed, and the broker is NOT told", emit) { _ in }
    }

    /// What the answer to an extend may bring about, besides a lease that goes on.
    private func extend(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        let isOwned = state.broker.envelope != .empty && state.broker.holds(worker.token)
        if !isOwned, state.broker.isCurrent, worker.step == .running {
            change(state, "a worker learns that its lease is lost", emit) { next in
                let isNewest = state.row.state == .running && state.row.token == worker.token
                if isNewest, state.broker.holds(worker.token) { next.flaw = .stoppedHolder }
                next[keyPath: place] = ModelState.Worker()
            }
        }
        if !isOwned, !state.broker.isCurrent, state.broker.envelope == .none {
            change(state, "a worker declares its lease again", emit) { $0.broker.redeclare(worker.token) }
        }
    }

    // MARK: - Without a row

    /// A job that has been cancelled meanwhile may begin: nobody has to be asked. Its canceller looks for that.
    private func startFirst(_ state: ModelState, _ place: Place, _ emit: Emit) {
        if guards.startsHeldOnly, !state.broker.holds(state[keyPath: place].token) {
            return change(state, "a worker is late for a first attempt, and claims it", emit) { next in
                if next.row.isAbsent { (next.row.isAbsent, next.row.attempt) = (false, 1) }
                next[keyPath: place].isFirst = false
            }
        }
        change(state, "a worker starts the first attempt, unclaimed", emit) { next in
            let isTold = next.hasLostOnlyCopy || next.row.state == .cancelled
            if next.row.state.isFinal, !isTold { next.flaw = .startedAfterEnd }
            next[keyPath: place].step = .running
            next[keyPath: place].attempt = 1
        }
    }

    private func adopt(_ state: ModelState, _ place: Place, _ emit: Emit) {
        change(state, "a worker gives the job its row", emit) { next in
            next.row.isAbsent = false
            guard guards.adoptsAsRunning else { return }
            (next.row.state, next.row.attempt) = (.running, 1)
        }
    }

    /// A final outcome makes the row; before any other there is a running one first.
    private func insert(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        guard worker.step == .succeeded else {
            return change(state, "the row of a first attempt is written", emit) { next in
                next.row.isAbsent = false
                (next.row.state, next.row.attempt, next.row.token) = (.running, 1, worker.token)
                next[keyPath: place].isFirst = false
            }
        }
        var written = state
        written.row = ModelState.Row(state: .completed, attempt: 1, token: worker.token)
        written.recorded = min(2, written.recorded + 1)
        change(written, "the outcome of a first attempt is its row", emit) { $0[keyPath: place].step = .completing }
        fault(written, .lostReply, "the outcome of a first attempt is its row, and the reply is LOST", emit) { _ in }
    }

    private func claim(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        guard guards.claim != .absent else {
            change(state, "a worker starts without a claim", emit) { next in
                if next.row.state.isFinal { next.flaw = .startedAfterEnd } else { next.row.state = .running }
                next[keyPath: place].step = .running
            }
            return
        }
        var claimed = state
        var verdict = ClaimVerdict.stale
        update(&claimed) { life in
            verdict =
                guards.claim == .refusesRunning && life.state == .running && life.token != token(worker.token)
                ? .stale
                : life.claim(
                    token(worker.token), isForced: worker.step == .confirmed,
                    isAlone: worker.isAlone || !guards.claimsSuspectsAlone, process: process, isPaused: false, now: now)
        }
        switch verdict {
        case .run(let claim):
            if !guards.numbersInLedger { claimed.row.attempt = worker.attempt }
            let attempt = guards.numbersInLedger ? UInt8(claim.attempt) : worker.attempt
            change(claimed, "a worker claims", emit) { next in
                next[keyPath: place].step = .running
                next[keyPath: place].attempt = attempt
                if next.row.isSuspect, !worker.isAlone { next.flaw = .startedInCompany }
            }
            fault(claimed, .lostReply, "a worker claims, and the reply is LOST", emit) { _ in }
        case .final, .pruned:
            change(claimed, "a claim is refused: ended", emit) { $0[keyPath: place].step = .completing }
        case .notDue:
            change(claimed, "a claim is refused: not due", emit) { $0[keyPath: place].step = .retrying }
        case .suspect:
            change(claimed, "a claim is refused: suspect", emit) { $0[keyPath: place].step = .quarantining }
        case .paused, .missing:
            change(claimed, "a claim is refused", emit) { $0[keyPath: place].step = .releasing }
        case .stale:
            change(claimed, "a claim is refused: stale", emit) { next in
                if worker.step == .leased, guards.claim == .required {
                    next[keyPath: place].step = .asking
                } else {
                    next[keyPath: place] = ModelState.Worker()
                }
            }
        }
    }

    private func record(_ state: ModelState, _ place: Place, _ emit: Emit) {
        let worker = state[keyPath: place]
        let (ending, action): (Outcome.Ending, ModelState.Worker.Step) =
            switch worker.step {
            case .failed: (.retry(after: later - now, error: "e"), .retrying)
            case .interrupted: (.release, .releasing)
            default: (.completed([]), .completing)
            }
        var written = state
        var verdict = RecordVerdict.fenced
        update(&written) { life in
            var attempt = Int(worker.attempt)
            switch guards.fence {
            case .strict: break
            case .running: attempt = life.attempt
            case .unfinished:
                attempt = life.attempt
                if !life.state.isFinal { life.state = .running }
            case .absent:
                attempt = life.attempt
                life.state = .running
            }
            verdict = life.record(ending, attempt: attempt, now: now)
        }
        if case .recorded(.completed) = verdict { written.recorded = min(2, written.recorded + 1) }

        if worker.step == .succeeded, state.broker.holds(worker.token), state.broker.envelope == .full,
            state.row.token == worker.token, !state.row.state.isFinal, !worker.isOverruled
        {
            if case .recorded = verdict {} else { written.flaw = .refusedHolder }
        }
        switch verdict {
        case .recorded(let final), .settled(let final):
            let name: StaticString =
                verdict == .recorded(final) ? "an outcome is recorded" : "an outcome is settled already"
            change(written, name, emit) { $0[keyPath: place].step = final.isFinal ? .completing : action }
            if verdict == .recorded(final) {
                fault(written, .lostReply, "an outcome is recorded, and the reply is LOST", emit) { _ in }
            }
        case .fenced:
            change(written, "an outcome is fenced off", emit) { $0[keyPath: place] = ModelState.Worker() }
        }
    }
}
