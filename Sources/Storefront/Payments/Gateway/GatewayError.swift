// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace

/// Why the gateway did not do what it was asked.
struct GatewayError: Error, Sendable, CustomStringConvertible {
    struct Code: Hashable, Sendable, CustomStringConvertible {
        let description: String
        /// Out of reach, overloaded or broken: what was asked may have been done.
        static let away = Code(description: "away")
        /// It will not: the card was declined, or the request is not one that can be carried out. Nothing was done by it.
        static let refused = Code(description: "refused")
        /// The key, the address or the rights are wrong: only an operator can mend it. Nothing was done.
        static let misconfigured = Code(description: "misconfigured")
        /// An answer that this release does not understand: what was asked may have been done.
        static let unintelligible = Code(description: "unintelligible")
    }

    let code: Code
    /// What was asked, and the status of the answer; none of its text, which may quote the request.
    let message: String
    /// The gateway's own word, such as `card_declined`, where it gave one.
    let reason: String?
    /// How long it wants to be left alone.
    let retryAfter: Duration?

    init(_ code: Code, _ message: String, reason: String? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.reason = reason
        self.retryAfter = retryAfter
    }

    /// What a handler throws for it.
    ///
    /// A gateway that says when it can be asked again costs no attempt: one that says "in a second" for hours would else use up
    /// all of them.
    func signal(_ logger: Logger) -> any Error {
        guard code == .away, let retryAfter else { return self }
        logger.info("the gateway wants to be left alone", metadata: [.error: "\(self)"])
        return JobSignal.snooze(max(retryAfter, .seconds(1)))
    }

    var description: String {
        "gateway: \(code): \(message)" + (reason.map { " (\($0))" } ?? "")
    }
}
