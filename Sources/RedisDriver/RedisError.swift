// SPDX-License-Identifier: Apache-2.0

/// What went wrong with a Redis command, a connection or a configuration.
///
/// Three codes of the driver's own decide what a caller may do next: `.unavailable` (nothing was sent),
/// `.outcomeUnknown` (sent, no answer: it may have run) and every upper-case code (Redis answered with that error).
package struct RedisError: Error, Hashable, Sendable {
    package let code: Code

    /// What failed, on what, and the limit or value seen. It never holds a password or an argument of a command.
    package let message: String

    /// For `.unavailable` and `.outcomeUnknown`: the code of what lies behind it, such as `.wrongPassword`.
    package let underlying: Code?

    package init(_ code: Code, _ message: String, underlying: Code? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// An error reply of Redis: its first word is the code, its text is kept whole.
    package init(reply text: String, to label: String) {
        self.init(Code(reply: text), "\(label): \(text)")
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String { "redis: \(message) (\(code))" }
}

extension RedisError {
    /// The first word of an error reply, upper case, or one of the driver's own codes, lower case.
    package struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        package var description: String { rawValue }

        // The driver's own.

        /// There is no connection: the command was not sent, it may be tried again.
        package static let unavailable = Code(rawValue: "unavailable")
        /// The command was sent and its reply will never be known: it may have run.
        package static let outcomeUnknown = Code(rawValue: "outcome unknown")
        /// The caller's task was cancelled; a command that had been sent may have run.
        package static let cancelled = Code(rawValue: "cancelled")
        /// Too many commands or bytes wait already: not sent.
        package static let overloaded = Code(rawValue: "overloaded")
        /// Redis, or whatever listens there, sent what is no RESP2 or is too big.
        package static let protocolViolation = Code(rawValue: "protocol violation")
        /// The reply is well formed and not of the expected type.
        package static let unexpectedReply = Code(rawValue: "unexpected reply")
        /// A URL or a certificate file cannot be used.
        package static let invalidConfiguration = Code(rawValue: "invalid configuration")

        // Redis's.

        package static let generic = Code(rawValue: "ERR")
        package static let noScript = Code(rawValue: "NOSCRIPT")
        package static let readOnly = Code(rawValue: "READONLY")
        package static let loading = Code(rawValue: "LOADING")
        package static let masterDown = Code(rawValue: "MASTERDOWN")
        package static let misconfigured = Code(rawValue: "MISCONF")
        package static let outOfMemory = Code(rawValue: "OOM")
        package static let busy = Code(rawValue: "BUSY")
        package static let clusterDown = Code(rawValue: "CLUSTERDOWN")
        package static let moved = Code(rawValue: "MOVED")
        package static let ask = Code(rawValue: "ASK")
        package static let tryAgain = Code(rawValue: "TRYAGAIN")
        package static let unblocked = Code(rawValue: "UNBLOCKED")
        package static let noReplicas = Code(rawValue: "NOREPLICAS")
        package static let wrongPassword = Code(rawValue: "WRONGPASS")
        package static let noAuth = Code(rawValue: "NOAUTH")
        package static let noPermission = Code(rawValue: "NOPERM")
        package static let wrongType = Code(rawValue: "WRONGTYPE")
    }
}

extension RedisError.Code {
    /// The code of an error reply; a first word that is not in capitals is no code, so that no script can forge the
    /// driver's own.
    init(reply text: String) {
        let first = Self.code(startingAt: text.utf8.startIndex, in: text) ?? "ERR"
        // Redis 6 wraps the error of a command that failed in a script: "ERR Error running script (call to f_…):
        // @user_script:1: @user_script: 1: -OOM command not allowed …". Redis 7 keeps the code in front.
        if first == "ERR", text.hasPrefix("ERR Error running script"),
            let mark = text.firstRange(of: ": -"), let inner = Self.code(startingAt: mark.upperBound, in: text)
        {
            self.init(rawValue: inner)
        } else {
            self.init(rawValue: first)
        }
    }

    private static func code(startingAt start: String.Index, in text: String) -> String? {
        let word = text[start...].utf8.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: ":") }
        let isCode =
            !word.isEmpty && word.count <= 32 && word.allSatisfy { (65...90).contains($0) || $0 == UInt8(ascii: "_") }
        return isCode ? String(word) : nil
    }
}
