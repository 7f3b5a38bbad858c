// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillracePostgres

extension PostgresLedger {
    /// Carries a request out in one transaction: once for its idempotency key, however often it is repeated.
    ///
    /// - Parameters:
    ///   - body: the request's; where it is too large to be held, the SHA-256 of it.
    ///   - timeout: for all of it, waiting for a connection included.
    ///   - submit: submits the jobs, whose ids `write` is handed, and says the answer to the request.
    ///   - write: writes the rows; not called when the request was carried out before.
    func answer<Submitted>(
        _ request: APIRequest, body: [UInt8], key: IdempotencyKey?, timeout: Duration,
        submit: @Sendable (LedgerTransaction) throws -> (submitted: Submitted, answer: StoredAnswer),
        write: @Sendable (Submitted, LedgerTransaction) throws -> Void
    ) async throws -> Answer {
        do {
            let answer = try await transaction(timeout: timeout) { transaction in
                let (submitted, answer) = try submit(transaction)
                if let key {
                    let idempotency = key.idempotency(
                        method: request.method, path: request.target.path, body: body, answer: answer)
                    if case .replayed(let first) = try transaction.note(idempotency) { throw Replayed(answer: first) }
                }
                try write(submitted, transaction)
                return answer
            }
            return answer.answer(isReplay: false)
        } catch let replay as Replayed {
            guard let stored = StoredAnswer(replay.answer) else {
                throw LedgerError(.protocolViolation, "a stored answer cannot be read")
            }
            return stored.answer(isReplay: true)
        }
    }
}

/// Rolls the transaction back: the request was carried out before.
private struct Replayed: Error {
    let answer: [UInt8]
}
