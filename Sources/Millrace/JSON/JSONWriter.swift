// SPDX-License-Identifier: Apache-2.0

/// Writes a JSON text piece by piece.
///
/// Members keep the order in which they are written, and a value that is JSON already goes in as it is, which no
/// encoder of Foundation offers.
///
/// ```swift
/// var json = JSONWriter()
/// json.object { json in
///     json.member("id", "\(job.id)")
///     json.member("payload", raw: job.payload)
/// }
/// ```
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func array<Element>(
        _ elements: some Sequence<Element>, _ each: (inout JSONWriter, Element) -> Void
    ) {
        open(UInt8(ascii: "["))
        for element in elements { each(&self, element) }
        close(UInt8(ascii: "]"))
    }

    package mutating func member(_ name: String, _ value: (inout JSONWriter) -> Void) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
        value(&self)
    }

    /// nil is written as `null`.
    package mutating func member(_ name: String, _ value: String?) {
        member(name) { json in if let value { json.string(value) } else { json.raw("null".utf8) } }
    }

    package mutating func member(_ name: String, _ value: Int?) {
        member(name) { json in json.raw((value.map(String.init) ?? "null").utf8) }
    }

    package mutating func member(_ name: String, _ value: Bool) {
        member(name) { json in json.raw((value ? "true" : "false").utf8) }
    }

    /// - Parameter raw: one JSON value; nil is written as `null`.
    package mutating func member(_ name: String, raw value: [UInt8]?) {
        member(name) { json in if let value { json.raw(value) } else { json.raw("null".utf8) } }
    }

    /// - Parameter value: one JSON value.
    package mutating func raw(_ value: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
    }

    package mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: bytes += Array("\\n".utf8)
            case 0x0D: bytes += Array("\\r".utf8)
            case 0x09: bytes += Array("\\t".utf8)
            case 0..<0x20, 0x7F: bytes += Array("\\u00".utf8) + Array(Hexadecimal.digits(of: [byte]).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}
