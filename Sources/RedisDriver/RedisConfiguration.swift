// SPDX-License-Identifier: Apache-2.0

/// Where Redis is, who to be there, and the limits of one connection.
package struct RedisConfiguration: Sendable {
    package var host: String
    /// Default 6379.
    package var port: Int
    /// Default 0.
    package var database: Int
    /// The ACL user; nil for the default user.
    package var username: String?
    package var password: RedisPassword?
    /// Whether to speak TLS. The server's certificate and its name are always verified.
    package var usesTLS: Bool
    /// A PEM file with the authorities to trust; nil for the system's.
    package var certificateAuthorityPath: String?
    /// How long name look-up, connecting, TLS and log-in may take together. Default 2 s.
    package var connectTimeout: Duration = .seconds(2)
    /// How long Redis may take to answer a command that has no deadline of its own. Default 2 s.
    package var commandDeadline: Duration = .seconds(2)
    /// How many commands may be queued or await their reply. Default 4096.
    package var pendingCommandsMax = 4096
    /// How many bytes of commands may wait to be written. Default 64 MiB.
    package var queuedBytesMax = 64 << 20
    /// What `CLIENT LIST` shows. Visible ASCII without spaces. Default `millrace`.
    package var clientName = "millrace"

    package init(
        host: String, port: Int = 6379, database: Int = 0, username: String? = nil, password: RedisPassword? = nil,
        usesTLS: Bool = false, certificateAuthorityPath: String? = nil
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.username = username
        self.password = password
        self.usesTLS = usesTLS
        self.certificateAuthorityPath = certificateAuthorityPath
    }

    /// `host:port`, for messages.
    package var endpoint: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// The URL, with `***` for the password.
    package var description: String {
        let login = username != nil || password != nil ? "\(username ?? "")\(password == nil ? "" : ":***")@" : ""
        return "\(usesTLS ? "rediss" : "redis")://\(login)\(endpoint)/\(database)"
    }

    package var debugDescription: String { description }
}

/// A password that no `print`, `dump` or log shows.
package struct RedisPassword: Hashable, Sendable, ExpressibleByStringLiteral {
    let value: String

    package init(_ value: String) { self.value = value }
    package init(stringLiteral value: String) { self.value = value }
}

extension RedisPassword: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
