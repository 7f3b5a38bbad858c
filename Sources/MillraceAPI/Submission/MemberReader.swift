// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// Reads members of one object, and notes the fault where one is not what it should be.
package struct MemberReader {
    package let members: [String: JSONValue]
    package let text: JSONText

    /// Notes as faults what is unknown, and what is given more than once.
    init(_ given: [JSONMember], in text: JSONText, known: [String], _ faults: inout Faults) {
        var members: [String: JSONValue] = [:]
        for member in given {
            if !known.contains(member.name) {
                faults.append(.unknownMember(member.name, known: known))
            } else if members.updateValue(member.value, forKey: member.name) != nil {
                faults.append(Fault("/\(member.name)", "given more than once"))
            }
        }
        self.members = members
        self.text = text
    }

    /// A member that may be left out.
    /// - Parameters:
    ///   - expected: what it should be, in the words of a problem.
    ///   - read: nil makes it a fault.
    /// - Returns: nil when it is not there, and when it is at fault.
    package func value<Value>(
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

    /// As `value`, of a member that may not be left out.
    package func required<Value>(
        _ name: String, _ kind: JSONValue.Kind, expected: String, _ faults: inout Faults,
        _ read: (JSONValue) -> Value?
    ) -> Value? {
        if members[name] == nil { faults.append(Fault("/\(name)", "missing")) }
        return value(name, kind, expected: expected, &faults, read)
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
    package var isControl: Bool { value < 0x20 || 0x7F...0x9F ~= value }
}
