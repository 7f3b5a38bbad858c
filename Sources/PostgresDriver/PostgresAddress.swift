// SPDX-License-Identifier: Apache-2.0

import CLibPQ

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A configuration's URL, read by libpq, with what this driver adds to it; it also words what goes wrong on the way,
/// without the password.
struct PostgresAddress {
    /// Host, port and database, for messages.
    let name: String
    /// For all hosts together.
    let connectTimeout: Duration
    private let keywords: [(String, String)]
    /// What must not be shown.
    private let secrets: [String]

    /// - Throws: `.configuration` without the URL's text, which may hold a password.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        var options: [String: String] = [:]
        guard let parsed = PQconninfoParse(configuration.url, nil) else {
            throw PostgresError(
                .configuration, "the database URL cannot be read; it should look like postgresql://user@host/database")
        }
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        PQconninfoFree(parsed)

        let hosts = (options["hostaddr"] ?? options["host"] ?? "").split(
            separator: ",", omittingEmptySubsequences: false)
        let timeout = options["connect_timeout"].flatMap { Int($0) }.map { Duration.seconds(max($0, 1)) }
        connectTimeout = (timeout ?? configuration.connectTimeout) * max(hosts.count, 1)
        let host = options["host"] ?? options["hostaddr"] ?? "PGHOST or the local socket"
        let secrets = Self.secrets(of: configuration.url, options)
        self.secrets = secrets
        name = Self.redacted(
            host + (options["port"].map { ":\($0)" } ?? "") + (options["dbname"].map { "/\($0)" } ?? ""), secrets)
        let (seconds, attoseconds) = configuration.connectTimeout.components
        let timeoutMilliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        // In order: the URL overrides what comes before it, and is overridden by what comes after.
        keywords = [
            ("application_name", configuration.applicationName),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", String(max(timeoutMilliseconds, 1))),
            ("dbname", configuration.url),
            ("client_encoding", "UTF8"),
        ]
    }

    /// Nil when out of memory; else to be polled until it is established.
    func start() -> OpaquePointer? {
        let keys = keywords.map { strdup($0.0) }
        let values = keywords.map { strdup($0.1) }
        defer { for copy in keys + values { free(copy) } }
        return PQconnectStartParams(
            keys.map { $0.map { UnsafePointer($0) } } + [nil], values.map { $0.map { UnsafePointer($0) } } + [nil], 1)
    }

    /// - Parameter message: libpq's, in its verbose form.
    func error(for message: String) -> PostgresError {
        var text = Self.redacted(message, secrets)
        let parts = text.split(separator: "; ").filter { !$0.hasPrefix("LOCATION:") }
        text = parts.joined(separator: "; ")
        let sqlState = Self.sqlState(in: text)
        // Wrong password or role, no such database, a parameter that the server does not know.
        let isLasting = sqlState.map { ["28", "3D", "22", "42"].contains(String($0.prefix(2))) } ?? false
        return PostgresError(
            isLasting ? .configuration : .unavailable, "no connection to \(name): \(text)", sqlState: sqlState)
    }

    /// The last of the five-character codes: of several hosts' errors, the one that ended it.
    private static func sqlState(in text: String) -> String? {
        var found: String?
        for part in text.split(separator: " ") where part.count == 6 && part.last == ":" {
            let code = part.dropLast()
            if code.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }), code.contains(where: \.isNumber) {
                found = String(code)
            }
        }
        return found
    }

    /// The password as libpq read it, and, in case an unescaped character made it read wrongly, every piece of what may
    /// have been meant as one.
    private static func secrets(of url: String, _ options: [String: String]) -> [String] {
        var secrets: Set<String> = []
        if let password = options["password"] { secrets.insert(password) }
        if let password = options["sslpassword"] { secrets.insert(password) }
        if let password = getenv("PGPASSWORD") { secrets.insert(String(cString: password)) }
        if let scheme = url.firstIndex(of: "/"), let end = url.lastIndex(of: "@"), scheme < end {
            let userInfo = url[scheme..<end].drop { $0 == "/" }
            if let colon = userInfo.firstIndex(of: ":") {
                let meant = userInfo[userInfo.index(after: colon)...]
                secrets.insert(String(meant))
                for piece in meant.split(whereSeparator: { "/:@?#".contains($0) }) { secrets.insert(String(piece)) }
            }
        }
        return secrets.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    private static func redacted(_ text: String, _ secrets: [String]) -> String {
        secrets.reduce(text) { replacing($1, in: $0) }
    }

    private static func replacing(_ secret: String, in text: String) -> String {
        var rest = text[...]
        var result = ""
        while let range = rest.firstRange(of: secret) {
            result += rest[..<range.lowerBound] + "***"
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
