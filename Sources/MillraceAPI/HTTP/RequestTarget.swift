// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The path and the query of a request, decoded.
struct RequestTarget: Sendable {
    /// The path as it was sent, without the query.
    let path: String
    /// The path's parts, percent-decoded.
    let segments: [String]
    let parameters: [(name: String, value: String)]

    /// nil unless both are well-formed: they begin with `/`, and each `%` is followed by two digits of UTF-8.
    init?(_ target: String) {
        guard let origin = Self.originForm(target[...]) else { return nil }
        let fragmentless = origin.prefix { $0 != "#" }
        let path = fragmentless.prefix { $0 != "?" }
        let query = fragmentless.dropFirst(path.utf8.count + 1)
        var segments: [String] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let segment = Self.decoded(part, plusIsSpace: false) else { return nil }
            segments.append(segment)
        }
        var parameters: [(name: String, value: String)] = []
        for pair in query.split(separator: "&") {
            let name = pair.prefix { $0 != "=" }
            guard let decodedName = Self.decoded(name, plusIsSpace: true),
                let value = Self.decoded(pair.dropFirst(name.count + 1), plusIsSpace: true)
            else { return nil }
            parameters.append((decodedName, value))
        }
        self.path = String(path)
        self.segments = segments
        self.parameters = parameters
    }

    /// A server must also take the absolute form, `http://host/path`.
    private static func originForm(_ target: Substring) -> Substring? {
        if target.hasPrefix("/") { return target }
        guard let scheme = ["http://", "https://"].first(where: { target.lowercased().hasPrefix($0) }) else {
            return nil
        }
        let path = target.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
        return path.hasPrefix("/") ? path : "/" + path
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(Hexadecimal.value),
                    let low = rest.popFirst().flatMap(Hexadecimal.value)
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
