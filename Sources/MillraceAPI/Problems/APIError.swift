// SPDX-License-Identifier: Apache-2.0

/// Why the API server does not run.
public struct APIError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// The host to listen on is not a loopback address, and keys would travel unencrypted.
        public static let addressRefused = Code(description: "address refused")
        /// The certificate or its key cannot be read, or are of no use together.
        public static let certificateRefused = Code(description: "certificate refused")
        /// Another program listens on the port.
        public static let portTaken = Code(description: "port taken")
        /// The port may not be used, or the machine does not have the address.
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
