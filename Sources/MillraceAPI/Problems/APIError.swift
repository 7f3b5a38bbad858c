// SPDX-License-Identifier: Apache-2.0

/// Why the API server does not run.
public struct APIError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// The host to listen on is not a loopback address.
        public static let addressRefused = Code(description: "address refused")
        /// The port is taken, or may not be used.
        public static let bindFailed = Code(description: "bind failed")
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "api: \(code): \(message)" }
}
