// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// Idempotency keys, written in the transaction of the jobs that they stand for.
enum IdempotencyKeys {
    private struct Key: Hashable {
        let scope: String
        let key: String
    }

    /// For another process to commit a key.
    private static let waitMaxMilliseconds = 250

    /// Writes the keys that are new. Of the others it answers from what is stored: the answer that the request had
    /// before, or that the key was used for another. nil = go on and write the jobs.
    static func write(
        _ all: [Idempotency?], in transaction: PostgresTransaction
    ) throws(PostgresError) -> [Result<Acceptance, LedgerError>?] {
        let wanted = all.compactMap(\.self).sorted { ($0.scope, $0.key) < ($1.scope, $1.key) }
        guard !wanted.isEmpty else { return all.map { _ in nil } }
        try transaction.run(script: "SET LOCAL lock_timeout = '\(waitMaxMilliseconds)ms'")
        let written = try transaction.query(
            Statements.insertKeys,
            [
                .textArray(wanted.map(\.scope)), .textArray(wanted.map(\.key)),
                .byteaArray(wanted.map(\.requestDigest)),
                .byteaArray(wanted.map(\.answer)), .int8(Limits.idempotencyRetention.milliseconds),
            ])
        var fresh: Set<Key> = []
        for row in written.rows { fresh.insert(Key(scope: try row.text(0), key: try row.text(1))) }
        let known = wanted.filter { !fresh.contains(Key(scope: $0.scope, key: $0.key)) }
        guard !known.isEmpty else { return all.map { _ in nil } }
        let stored = try transaction.query(
            Statements.readKeys, [.textArray(known.map(\.scope)), .textArray(known.map(\.key))])
        var answers: [Key: (digest: [UInt8], answer: [UInt8])] = [:]
        for row in stored.rows {
            answers[Key(scope: try row.text(0), key: try row.text(1))] = (try row.bytea(2), try row.bytea(3))
        }
        return all.map { idempotency in
            guard let idempotency, let stored = answers[Key(scope: idempotency.scope, key: idempotency.key)] else {
                return nil
            }
            return stored.digest == idempotency.requestDigest
                ? .success(.replayed(stored.answer))
                : .failure(LedgerError(.keyReused, "the idempotency key was used for another request"))
        }
    }
}
