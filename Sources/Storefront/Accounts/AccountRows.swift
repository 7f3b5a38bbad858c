// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillracePostgres
import PostgresDriver

/// What is needed to log in to an account.
struct Account: Sendable {
    let user: User
    let password: StoredPassword
    /// Whether the device that was asked for has logged in to it before.
    let knowsDevice: Bool
}

/// A password as an account has it.
struct StoredPassword: Sendable {
    let hash: PasswordHash
    /// Grows by one with every new password; the same one hashed anew keeps it.
    let version: Int
}

/// The queries of accounts, each within a transaction of its caller's.
enum AccountRows {
    /// Counts attempts.
    /// - Throws: a problem, 429, when one of them is over its limit; rolling back undoes the others.
    static func charge(_ attempts: [Attempt], in transaction: LedgerTransaction) throws {
        let sorted = attempts.sorted()
        let rows = try transaction.query(
            StorefrontStatements.chargeAttempts,
            [.keys(of: sorted), .intervals(of: sorted), .int8Array(sorted.map { Int64($0.limit.burst) })]
        ).rows
        let counted = Set(try rows.map { try $0.bytea("key") })
        let refused = attempts.filter { !counted.contains($0.key) }
        guard let wait = refused.map(\.limit.interval).max() else { return }
        throw Problem.tooManyAttempts(retryAfter: wait)
    }

    /// Takes attempts back that turned out well.
    static func refund(_ attempts: [Attempt], in transaction: LedgerTransaction) throws {
        let sorted = attempts.sorted()
        try transaction.query(StorefrontStatements.refundAttempts, [.keys(of: sorted), .intervals(of: sorted)])
    }

    /// nil when the address has an account already.
    static func insert(
        email: EmailAddress, name: String, password: PasswordHash, in transaction: LedgerTransaction
    ) throws -> User? {
        let id = UserID()
        let rows = try transaction.query(
            StorefrontStatements.insertUser, [.uuid(id.bytes), .text("\(email)"), .text(name), .text(password.text)]
        ).rows
        return try rows.first.map {
            User(id: id, createdAt: try $0.timestamp("created_at"), email: "\(email)", name: name)
        }
    }

    /// nil when the address has no account.
    static func find(
        _ email: EmailAddress, device: SecretToken? = nil, in transaction: LedgerTransaction
    ) throws -> Account? {
        let rows = try transaction.query(
            StorefrontStatements.findAccount, [.text("\(email)"), .bytea(device?.digest)]
        ).rows
        return try rows.first.map { row in
            Account(
                user: try User(row), password: try StoredPassword(row),
                knowsDevice: try row.bool("knows_device"))
        }
    }

    /// Locks an account, and returns its password; nil when there is none any more.
    static func lock(_ id: UserID, in transaction: LedgerTransaction) throws -> StoredPassword? {
        let rows = try transaction.query(StorefrontStatements.lockAccount, [.uuid(id.bytes)]).rows
        return try rows.first.map { try StoredPassword($0) }
    }

    static func replacePassword(
        of id: UserID, by password: StoredPassword, in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.replacePassword,
            [.uuid(id.bytes), .text(password.hash.text), .int8(Int64(password.version))])
    }

    /// - Returns: when the session ends at the latest.
    static func openSession(
        _ token: SecretToken, of id: UserID, in transaction: LedgerTransaction
    ) throws -> Timestamp {
        let rows = try transaction.query(
            StorefrontStatements.insertSession,
            [
                .bytea(token.digest), .uuid(id.bytes), .int8(AccountLimits.sessionLife.milliseconds),
                .int8(Int64(AccountLimits.sessionsMax)),
            ]
        ).rows
        guard let row = rows.first else { throw PostgresError(.decoding, "an INSERT returned no row") }
        return try row.timestamp("expires_at")
    }

    /// The user of a session, which is thereby used; nil when it has ended.
    static func useSession(_ token: SecretToken, in transaction: LedgerTransaction) throws -> UserID? {
        let rows = try transaction.query(
            StorefrontStatements.findSession,
            [
                .bytea(token.digest), .int8(AccountLimits.sessionIdle.milliseconds),
                .int8(AccountLimits.sessionExactness.milliseconds),
            ]
        ).rows
        return try rows.first.flatMap { UserID(bytes: try $0.uuid("user_id")) }
    }

    static func closeSession(_ token: SecretToken, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.deleteSession, [.bytea(token.digest)])
    }

    static func remember(_ device: SecretToken, of id: UserID, in transaction: LedgerTransaction) throws {
        try transaction.query(
            StorefrontStatements.rememberDevice,
            [.bytea(device.digest), .uuid(id.bytes), .int8(Int64(AccountLimits.devicesMax))])
    }

    /// False when the user has enough good tokens.
    static func insertReset(_ token: SecretToken, of id: UserID, in transaction: LedgerTransaction) throws -> Bool {
        try transaction.query(
            StorefrontStatements.insertReset,
            [
                .bytea(token.digest), .uuid(id.bytes), .int8(AccountLimits.resetLife.milliseconds),
                .int8(Int64(AccountLimits.resetsMax)),
            ]
        ).affectedRows > 0
    }

    /// Whose password the token is for; nil when it is good no more.
    static func findReset(_ token: SecretToken, in transaction: LedgerTransaction) throws -> UserID? {
        let rows = try transaction.query(StorefrontStatements.findReset, [.bytea(token.digest)]).rows
        return try rows.first.flatMap { UserID(bytes: try $0.uuid("user_id")) }
    }

    /// False when the token is good no more.
    static func useReset(_ token: SecretToken, in transaction: LedgerTransaction) throws -> Bool {
        try transaction.query(StorefrontStatements.useReset, [.bytea(token.digest)]).affectedRows > 0
    }

    /// Ends a user's sessions, and forgets the devices and tokens.
    static func revokeAccess(of id: UserID, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.revokeAccess, [.uuid(id.bytes)])
    }

    /// Deletes what counts no more, up to `limit` rows of each table; returns how many.
    static func prune(limit: Int, in transaction: LedgerTransaction) throws -> Int {
        let rows = try transaction.query(
            StorefrontStatements.pruneAccounts,
            [.int8(AccountLimits.deviceLife.milliseconds), .int8(Int64(limit))]
        ).rows
        return try rows.first?.integer("count") ?? 0
    }
}

extension [Attempt] {
    /// In the order of their keys: whoever locks several rows locks them in this order.
    fileprivate func sorted() -> [Attempt] {
        sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}

extension PostgresValue {
    fileprivate static func keys(of attempts: [Attempt]) -> PostgresValue { .byteaArray(attempts.map(\.key)) }

    fileprivate static func intervals(of attempts: [Attempt]) -> PostgresValue {
        .int8Array(attempts.map(\.limit.interval.milliseconds))
    }
}

extension StoredPassword {
    fileprivate init(_ row: PostgresRow) throws {
        self.init(
            hash: PasswordHash(stored: try row.text("password_hash")), version: try row.integer("password_version"))
    }
}

extension User {
    fileprivate init(_ row: PostgresRow) throws {
        guard let id = UserID(bytes: try row.uuid("id")) else { throw PostgresError(.decoding, "a UUID has 16 bytes") }
        self.init(
            id: id, createdAt: try row.timestamp("created_at"), email: try row.text("email"),
            name: try row.text("name"))
    }
}
