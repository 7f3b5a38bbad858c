// SPDX-License-Identifier: Apache-2.0

/// A statement's name and its SQL text: one command with `$1…$n`, prepared on its first use on each connection.
///
/// Make it once, from a constant. Two statements of the same name and text are the same statement. The text must not be
/// built from data: each connection keeps at most 256 prepared statements and starts over beyond that.
public struct PostgresStatement: Hashable, Sendable {
    /// Names the statement in errors.
    public let name: String
    public let sql: String
    /// Computed once: a lookup would otherwise hash the whole text each time.
    private let digest: Int

    public init(name: String, sql: String) {
        self.name = name
        self.sql = sql
        var hasher = Hasher()
        hasher.combine(name)
        hasher.combine(sql)
        digest = hasher.finalize()
    }

    /// Takes the text of an embedded file.
    package init(name: String, file: [UInt8]) {
        self.init(name: name, sql: String(decoding: file, as: UTF8.self))
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    public static func == (left: PostgresStatement, right: PostgresStatement) -> Bool {
        left.digest == right.digest && left.name == right.name && left.sql == right.sql
    }
}
