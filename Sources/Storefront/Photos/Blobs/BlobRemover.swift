// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// Deletes blobs that no row refers to.
struct BlobRemover: Sendable {
    private static let timeout: Duration = .seconds(10)

    let ledger: PostgresLedger
    let blobs: any BlobStore

    /// Deletes a blob unless a row refers to it.
    /// - Parameter age: what was written less long ago is left alone.
    /// - Returns: whether it was there, and is gone.
    /// - Throws: ``BlobError`` with `.away` when it may be deleted later.
    func remove(_ digest: BlobDigest, olderThan age: Duration = .zero) async throws -> Bool {
        let blobs = blobs
        guard blobs.deletesLate else {
            return try await ledger.transaction(timeout: Self.timeout) { transaction in
                try BlobLock.take(digest, in: transaction)
                guard try !PhotoRows.unreferenced([digest], in: transaction).isEmpty,
                    Self.isToGo(try blobs.age(of: digest), age)
                else { return false }
                try blobs.delete(digest)
                return true
            }
        }
        // Should it be written again from here on, then whoever did that finds it doomed, or has referred to it before.
        let written = try await FileThreads.run { () throws(BlobError) in try blobs.age(of: digest) }
        guard Self.isToGo(written, age), try await doom(digest) else { return false }
        return try await deleteDoomed(digest)
    }

    private static func isToGo(_ written: Duration?, _ age: Duration) -> Bool {
        written.map { age == .zero || $0 > age } ?? false
    }

    /// Decides that a blob in a bucket goes; false when somebody refers to it, or an earlier deletion may still happen.
    func doom(_ digest: BlobDigest) async throws -> Bool {
        try await ledger.transaction(timeout: Self.timeout) { transaction in
            try BlobLock.take(digest, in: transaction)
            guard try !PhotoRows.unreferenced([digest], in: transaction).isEmpty else { return false }
            return try BlobLock.doom(digest, in: transaction)
        }
    }

    /// Carries out what ``doom(_:)`` has decided.
    func deleteDoomed(_ digest: BlobDigest) async throws -> Bool {
        let blobs = blobs
        let outcome: Result<Bool, BlobError> = try await ledger.transaction(timeout: Self.timeout) { transaction in
            try BlobLock.take(digest, in: transaction)
            // Who was held up since then must not send anything: the doom could end before the request does.
            guard try BlobLock.isDoomed(digest, in: transaction) else { return .success(false) }
            let outcome = Result { () throws(BlobError) in
                try blobs.delete(digest)
                return true
            }
            // The doom stands until it ends by itself.
            if case .failure(let error) = outcome, error.code == .away { throw error }
            try BlobLock.spare(digest, in: transaction)
            return outcome
        }
        return try outcome.get()
    }

    /// Forgets deletions that nobody heard of again and that cannot happen any more.
    func forgetDoomed() async throws {
        _ = try await ledger.transaction(timeout: Self.timeout) { try $0.query(StorefrontStatements.forgetDoomed) }
    }

    /// Those of some blobs that no row refers to now.
    func unreferenced(_ digests: [BlobDigest]) async throws -> [BlobDigest] {
        try await ledger.transaction(timeout: Self.timeout) { transaction in
            try PhotoRows.unreferenced(digests, in: transaction)
        }
    }
}
