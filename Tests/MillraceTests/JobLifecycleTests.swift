// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

/// What the conformance suite of the ledger cannot see: exact times, and the rules over long random lives.
@Suite struct JobLifecycleTests {
    private let now = Timestamp(unixMilliseconds: 1_767_225_600_000)
    private let process = ProcessID(number: 7)

    private func life(due: Duration? = nil, expires: Duration? = nil, maxAttempts: Int = 3) -> JobLifecycle {
        var generator = SplitMix64(seed: 1)
        return JobLifecycle(
            of: NewJob(
                id: JobID(at: now, using: &generator), kind: "k", payload: [], dueAt: due.map { now + $0 },
                expiresAt: expires.map { now + $0 }, maxAttempts: maxAttempts),
            now: now)
    }

    private func token(_ number: UInt64) -> LeaseToken {
        LeaseToken(reservedAtMicroseconds: number, process: process, lane: .normal)
    }

    @Test func `a job is due from its very millisecond on`() {
        var life = life(due: .milliseconds(1))
        #expect(life.state == .scheduled)

        let before = life.claim(token(1), isForced: false, process: process, isPaused: false, now: now)
        let after = life.claim(
            token(1), isForced: false, process: process, isPaused: false, now: now + .milliseconds(1))

        #expect(before == .notDue(.milliseconds(1)))
        #expect(after == .run(Claim(attempt: 1, failures: 0, maxAttempts: 3)))
    }

    @Test func `a job expires with its very millisecond`() {
        var early = life(expires: .milliseconds(2))
        var late = early

        let verdicts = [
            early.claim(token(1), isForced: false, process: process, isPaused: false, now: now + .milliseconds(1)),
            late.claim(token(1), isForced: false, process: process, isPaused: false, now: now + .milliseconds(2)),
        ]

        #expect(verdicts == [.run(Claim(attempt: 1, failures: 0, maxAttempts: 3)), .final(.cancelled)])
    }

    @Test func `a job is flagged when it is due more than ten minutes ahead`() {
        #expect(!life(due: Limits.pushAheadMax).isFlagged)
        #expect(life(due: Limits.pushAheadMax + .milliseconds(1)).isFlagged)
        #expect(!life().isFlagged)
    }

    @Test func `a due time in the past is now`() {
        let life = life(due: .seconds(-5))

        #expect(life.dueAt == now)
        #expect(life.state == .ready)
    }

    @Test func `a pause beats an expiry, and an expiry beats a due time`() {
        var paused = life(expires: .zero)
        var expired = life(due: .seconds(60), expires: .zero)

        #expect(paused.claim(token(1), isForced: false, process: process, isPaused: true, now: now) == .paused)
        #expect(
            expired.claim(token(1), isForced: false, process: process, isPaused: false, now: now) == .final(.cancelled))
    }

    @Test func `an expired job that is running is cancelled by whoever would take it over`() {
        var life = life(expires: .seconds(10))
        _ = life.claim(token(1), isForced: false, process: process, isPaused: false, now: now)

        let late = now + .seconds(11)
        let own = life.claim(token(1), isForced: false, process: process, isPaused: false, now: late)
        let other = life.claim(token(2), isForced: false, process: process, isPaused: false, now: late)

        #expect(own == .run(Claim(attempt: 1, failures: 0, maxAttempts: 3)))
        #expect(other == .final(.cancelled))
        #expect(life.record(.completed([]), attempt: 1, now: late) == .settled(.cancelled))
    }

    @Test(arguments: 0..<40)
    func `the rules hold over any life`(_ number: UInt64) {
        var generator = SplitMix64(seed: SplitMix64.seedFromEnvironment() &+ number)
        var life = life(due: .seconds(5), expires: number.isMultiple(of: 2) ? .seconds(500) : nil)
        var now = now
        var attemptsRecorded: Set<Int> = []

        for _ in 0..<400 {
            let before = life
            now = now + .seconds(Int.random(in: 0...6, using: &generator))
            let choice = Int.random(in: 0...9, using: &generator)
            let attempt = max(0, life.attempt + Int.random(in: -1...1, using: &generator))
            switch choice {
            case 0...4:
                let verdict = life.claim(
                    token(.random(in: 1...500, using: &generator)), isForced: choice == 0, process: process,
                    isPaused: choice == 1, now: now)
                if case .run = verdict {
                    #expect(!before.state.isFinal && life.state == .running)
                } else {
                    #expect(life.attempt == before.attempt)
                }
                #expect(life.attempt - before.attempt <= 1)
            case 5...7:
                let endings: [Outcome.Ending] = [
                    .completed([]), .dead(error: "e"), .retry(after: .seconds(3), error: "e"),
                    .retry(after: .zero, error: "e"),
                    .snooze(.seconds(2)), .release,
                ]
                let ending = endings[Int.random(in: 0..<endings.count, using: &generator)]
                let verdict = life.record(ending, attempt: attempt, now: now)
                if case .recorded(let state) = verdict {
                    #expect(before.state == .running && attempt == before.attempt && state == life.state)
                    #expect(attemptsRecorded.insert(attempt).inserted, "attempt \(attempt) was recorded twice")
                } else {
                    #expect(life == before)
                }
            case 8:
                #expect(life.cancel(now: now) == !before.state.isFinal)
            default:
                // Seldom, so that final states last for a while.
                guard Int.random(in: 0...3, using: &generator) == 0 else { continue }
                #expect(life.reopen(now: now) == before.state.isFinal)
                if before.state.isFinal { continue }
            }

            #expect(life.attempt >= before.attempt)
            #expect(life.failures <= life.maxAttempts)
            #expect(life.errors.count <= Limits.errorsMax)
            #expect((life.finishedAt != nil) == life.state.isFinal)
            #expect((life.result != nil) == (life.state == .completed))
            if before.state.isFinal { #expect(life == before) }
        }
    }
}
