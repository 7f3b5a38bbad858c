// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Reads members of one object, and notes the fault where one is not what it should be.
struct MemberReader {
    let members: [String: JSONValue]
    let text: JSONText

    /// - Parameter read: nil makes it a fault.
    func value<Value>(
        _ name: String, _ kind: JSONValue.Kind, expected: String, _ faults: inout Faults,
        _ read: (JSONValue) -> Value?
    ) -> Value? {
        guard let value = members[name] else { return nil }
        guard value.kind == kind else {
            faults.append(Fault("/\(name)", "expected \(expected), not \(value.kind.withArticle)"))
            return nil
        }
        guard let result = read(value) else {
            let seen = text.string(value) ?? String(decoding: text.bytes[value.range].prefix(80), as: UTF8.self)
            faults.append(Fault("/\(name)", "\(seen.quoted) is not \(expected)"))
            return nil
        }
        return result
    }

    func duration(_ name: String, in range: ClosedRange<Duration>, _ faults: inout Faults) -> Duration? {
        let expected = "a duration such as 20s, 1m30s or 2h, from \(range.lowerBound.text) to \(range.upperBound.text)"
        return value(name, .string, expected: expected, &faults) { value in
            text.string(value).flatMap { Duration(text: $0) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func time(_ name: String, _ faults: inout Faults) -> Timestamp? {
        value(name, .string, expected: "a time such as 2026-05-04T03:02:01Z (RFC 3339)", &faults) { value in
            text.string(value).flatMap { Timestamp(rfc3339: $0) }
        }
    }
}

extension Unicode.Scalar {
    var isControl: Bool { value < 0x20 || 0x7F...0x9F ~= value }
}
