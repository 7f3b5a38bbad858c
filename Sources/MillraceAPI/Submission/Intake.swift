// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace

/// Takes jobs in within the time that a client is promised an answer: about a second, and longer only for a large
/// batch.
struct Intake: Sendable {
    /// For telling the broker; what it does not hear in time is left to the sweep.
    private static let pushMax: Duration = .milliseconds(500)
    /// For a look at the broker's memory, which one request in many takes.
    private static let roomMax: Duration = .milliseconds(100)
    private static let answerMax: Duration = .milliseconds(950)

    let stores: Stores
    let submitter: JobSubmitter

    /// The answer to give, and whether it is one of old.
    ///
    /// - Parameter now: when the answer was made, which tells the jobs' durability.
    /// - Throws: a problem when the jobs were not accepted, or may not have been.
    func take(
        _ submission: Submission, at now: Timestamp, answer: StoredAnswer, logger: Logger
    ) async throws(Problem) -> (StoredAnswer, isReplay: Bool) {
        let start = ContinuousClock.now
        // Half a millisecond for each job beyond what one takes.
        let extra = Duration.microseconds(500 * (submission.jobs.count - 1))
        let submitter = submitter
        if submitter.isRoomReadingDue {
            _ = await stores.keeper.within(Self.roomMax) { await submitter.refreshRoom() }
        }
        let parts = submission.parts(now: now)
        let placed = parts.recorded.map { submitter.place($0) }
        defer { placed.map { submitter.finish($0) } }
        if let placed {
            let acceptance = try await accept(placed.submission, extra: extra, logger: logger)
            if case .replayed(let bytes) = acceptance, bytes != submission.idempotency?.answer {
                guard let stored = StoredAnswer(bytes) else {
                    throw .unexpected(LedgerError(.protocolViolation, "a stored answer cannot be read"), logger: logger)
                }
                return (stored, isReplay: true)
            }
        }
        if !parts.entrusted.isEmpty {
            try await stores.broker(logger, extra: extra) { (_) throws(BrokerError) in
                try await submitter.entrust(parts.entrusted)
            }
        }
        guard let placed else { return (answer, isReplay: false) }
        let left = max(.milliseconds(50), min(Self.pushMax, Self.answerMax - (ContinuousClock.now - start)))
        _ = await stores.keeper.within(left + extra) { await submitter.push(placed) }
        return (answer, isReplay: false)
    }

    private func accept(
        _ submission: Submission, extra: Duration, logger: Logger
    ) async throws(Problem) -> Acceptance {
        try await stores.ledger(logger, extra: extra) { (ledger) throws(LedgerError) in
            do throws(LedgerError) {
                return try await ledger.accept(submission)
            } catch {
                // The same ids again: what was written is left as it is.
                guard error.code == .outcomeUnknown else { throw error }
                return try await ledger.accept(submission)
            }
        }
    }
}
