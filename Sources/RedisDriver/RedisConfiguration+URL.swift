// SPDX-License-Identifier: Apache-2.0

extension RedisConfiguration {
    /// Reads `redis://[user:password@]host[:port][/database]`, or the same with `rediss` for TLS.
    ///
    /// User and password may be percent-encoded. The last `@` ends them, so that a raw `/` or `@` in a password still
    /// works.
    /// - Throws: `.invalidConfiguration`; the message says which part is wrong and quotes none of the URL, which may
    ///   hold a password.
    package init(url: String) throws(RedisError) {
        guard let schemeEnd = url.firstRange(of: "://") else {
            throw Self.invalid("it must begin with redis:// or rediss://")
        }
        let usesTLS: Bool
        switch url[..<schemeEnd.lowerBound].lowercased() {
        case "redis": usesTLS = false
        case "rediss": usesTLS = true
        default: throw Self.invalid("it must begin with redis:// or rediss://")
        }
        var rest = url[schemeEnd.upperBound...]
        var username: String?
        var password: RedisPassword?
        if let at = rest.lastIndex(of: "@") {
            (username, password) = try Self.login(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        guard !rest.contains("?"), !rest.contains("#") else {
            throw Self.invalid("options after ? or # are not supported")
        }
        let path = rest.firstIndex(of: "/").map { rest[rest.index(after: $0)...] } ?? ""
        let (host, port) = try Self.address(rest.prefix { $0 != "/" })
        self.init(
            host: host, port: port, database: try Self.database(path), username: username, password: password,
            usesTLS: usesTLS)
    }

    private static func login(_ text: Substring) throws(RedisError) -> (String?, RedisPassword?) {
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        let username = try percentDecoded(text[..<colon])
        let password = colon == text.endIndex ? nil : try percentDecoded(text[text.index(after: colon)...])
        if let password, password.isEmpty { throw invalid("the password is empty") }
        if password == nil { throw invalid("there is a user name without a password") }
        return (username.isEmpty ? nil : username, password.map { RedisPassword($0) })
    }

    private static func address(_ text: Substring) throws(RedisError) -> (host: String, port: Int) {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.lastIndex(of: "]") else { throw invalid("the IPv6 address has no closing bracket") }
            host = text[text.index(after: text.startIndex)..<end]
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else {
                throw invalid("a colon and a port must follow the IPv6 address")
            }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard !host.contains(":") else { throw invalid("an IPv6 address must be in brackets") }
        }
        guard !host.isEmpty else { throw invalid("the host is missing") }
        guard host.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw invalid("the host has a character that none may have")
        }
        guard let port else { return (String(host), 6379) }
        guard let number = UInt16(port), number > 0 else { throw invalid("the port is no number from 1 to 65535") }
        return (String(host), Int(number))
    }

    private static func database(_ path: Substring) throws(RedisError) -> Int {
        if path.isEmpty { return 0 }
        guard let number = UInt16(path) else { throw invalid("the path is no database number") }
        return Int(number)
    }

    private static func percentDecoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.first != UInt8(ascii: "+"), let value = UInt8(Substring(digits), radix: 16)
            else {
                throw invalid("two hexadecimal digits must follow a % in user name or password")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw invalid("user name or password is not UTF-8")
        }
        return decoded
    }

    private static func invalid(_ fault: String) -> RedisError {
        RedisError(
            .invalidConfiguration,
            "Redis URL unusable: \(fault); expected redis://[user:password@]host[:port][/database]")
    }
}
