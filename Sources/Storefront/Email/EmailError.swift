// SPDX-License-Identifier: Apache-2.0

/// Why a mail was not taken in, or not sent.
public struct EmailError: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// What was to be sent breaks a rule, which the message names.
        public static let invalid = Code(description: "invalid")
        /// The environment or `workers.yml` is at fault.
        public static let misconfigured = Code(description: "misconfigured")
        /// It was not delivered this time, or it is not known whether it was; the next attempt may.
        public static let deferred = Code(description: "deferred")
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "e-mail: \(code): \(message)" }
}
