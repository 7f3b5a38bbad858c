// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where mails are handed over, and how.
struct SMTPConfiguration: Sendable {
    enum Security: Sendable, Equatable {
        /// Encrypted from the first byte on.
        case implicit
        /// The server must offer STARTTLS; else nothing is sent.
        case startTLS
        /// For a server on this machine.
        case none
    }

    struct Login: Sendable {
        let user: String
        let password: Secret
    }

    let host: String
    let port: Int
    let security: Security
    let login: Login?
    /// A file of PEM certificates that the server's own is checked against; nil for the system's authorities.
    var authorityPath: String?
    /// For a connection, with its TLS. Default 10 s.
    var connectTimeout: Duration = .seconds(10)
    /// For an attempt as a whole. Default 2 min: a server may take its time over a message, and one that is given up on
    /// too early has it all the same, and gets it again.
    var attemptTimeout: Duration = .seconds(120)

    /// Reads `smtps://user:password@host:port`, or `smtp://…` for STARTTLS, or `smtp://…?tls=none`. User and password
    /// may be percent-encoded. Default ports: 465, 587 and 25.
    /// - Throws: ``EmailError`` with `.misconfigured`, which quotes nothing of the address.
    init(url: String) throws(EmailError) {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            ["", "/"].contains(parts.path), parts.fragment == nil
        else { throw Self.unreadable }
        switch (parts.scheme?.lowercased(), parts.query) {
        case ("smtps"?, nil): security = .implicit
        case ("smtp"?, nil), ("smtp"?, "tls=starttls"?): security = .startTLS
        case ("smtp"?, "tls=none"?): security = .none
        default: throw Self.unreadable
        }
        let usual = [Security.implicit: 465, .startTLS: 587, .none: 25]
        let port = parts.port ?? usual[security] ?? 0
        guard 1...65_535 ~= port else { throw Self.unreadable }
        // libcurl wants IPv6 in brackets.
        self.host = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        self.port = port
        switch (parts.user, parts.password) {
        case (nil, nil): login = nil
        case (let user?, let password?) where !user.isEmpty && !password.isEmpty:
            login = Login(user: user, password: Secret(password))
        default: throw EmailError(.misconfigured, "SMTP_URL: a user and a password belong together")
        }
        guard login == nil || security != .none || ["127.0.0.1", "[::1]", "localhost"].contains(self.host) else {
            throw EmailError(.misconfigured, "SMTP_URL: with tls=none the password would be sent in the clear")
        }
    }

    /// - Throws: ``EmailError`` with `.misconfigured` for a file of certificates that cannot be read.
    func check() throws(EmailError) {
        guard let authorityPath, access(authorityPath, R_OK) != 0 else { return }
        throw EmailError(.misconfigured, "SMTP_CA_FILE: \(authorityPath): \(String(cString: strerror(errno)))")
    }

    private static let unreadable = EmailError(
        .misconfigured,
        "SMTP_URL: expected smtps://user:password@host:465, smtp://user:password@host:587 for STARTTLS, "
            + "or smtp://host:25?tls=none")
}
