// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The path and the query of a request, decoded.
package struct RequestTarget: Sendable {
    /// The path as it was sent, without the query.
    package let path: String
    /// The path's parts, percent-decoded.
    let segments: [String]
    let parameters: [(name: String, value: String)]

    /// nil unless both are well-formed: the path begins with `/`, and each `%` is followed by two digits of UTF-8.
    package init?(_ target: String) {
        // Bytes, not characters: a combining accent would hide the separator before it.
        guard let origin = Self.originForm(target.utf8[...]) else { return nil }
        let whole = origin.prefix { $0 != UInt8(ascii: "#") }
        let path = whole.prefix { $0 != UInt8(ascii: "?") }
        var segments: [String] = []
        for part in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let segment = Self.decoded(part, plusIsSpace: false) else { return nil }
            segments.append(segment)
        }
        var parameters: [(name: String, value: String)] = []
        for pair in whole[path.endIndex...].dropFirst().split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            guard let decodedName = Self.decoded(name, plusIsSpace: true),
                let value = Self.decoded(pair[name.endIndex...].dropFirst(), plusIsSpace: true)
            else { return nil }
            parameters.append((decodedName, value))
        }
        self.path = String(Substring(path))
        self.segments = segments
        self.parameters = parameters
    }

    /// A server must also take the absolute form, `http://host/path`.
    private static func originForm(_ target: Substring.UTF8View) -> Substring.UTF8View? {
        if target.first == UInt8(ascii: "/") { return target }
        let start = String(Substring(target.prefix(8))).lowercased()
        guard let scheme = ["http://", "https://"].first(where: start.hasPrefix) else { return nil }
        let path = target.dropFirst(scheme.utf8.count).drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        return path.first == UInt8(ascii: "/") ? path : ("/" + String(Substring(path))).utf8[...]
    }

    private static func decoded(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text
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
