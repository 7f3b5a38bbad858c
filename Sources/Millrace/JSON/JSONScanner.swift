// SPDX-License-Identifier: Apache-2.0

/// Checks a JSON text (RFC 8259), strictly and in one pass.
///
/// It goes through the bytes in a loop with a stack of its own, so that no text can exhaust the thread's stack. It
/// takes what both PostgreSQL's `json` type and Swift's decoder take: UTF-8 without a byte order mark, no escape of
/// half a surrogate pair, nesting up to a limit, nothing after the value. What it takes needs no further checks:
/// `JSONText` reads it again without any.
struct JSONScanner {
    /// Where and why a text is refused.
    struct Fault: Error {
        let offset: Int
        let reason: String
    }

    private enum Expectation {
        case value, firstElement, firstName, name, commaOrEnd
    }

    private enum Container {
        case array, object
    }

    private let bytes: [UInt8]
    private let end: Int
    private let nestingMax: Int
    private var position: Int
    private var containers: [Container] = []

    private init(_ bytes: [UInt8], in range: Range<Int>, nestingMax: Int) {
        self.bytes = bytes
        self.nestingMax = nestingMax
        position = range.lowerBound
        end = range.upperBound
    }

    /// The range of the one value that the text consists of, without the white space around it.
    static func check(_ bytes: [UInt8], in range: Range<Int>, nestingMax: Int) throws(Fault) -> Range<Int> {
        var scanner = JSONScanner(bytes, in: range, nestingMax: nestingMax)
        return try scanner.scanText()
    }

    private mutating func scanText() throws(Fault) -> Range<Int> {
        if bytes[position..<end].starts(with: [0xEF, 0xBB, 0xBF]) {
            throw Fault(offset: position, reason: "begins with a byte order mark")
        }
        skipSpace()
        let start = position
        var expectation = Expectation.value
        repeat {
            expectation = try scanToken(expectation)
        } while !containers.isEmpty
        let valueEnd = position
        skipSpace()
        guard position == end else { throw Fault(offset: position, reason: "more text after the end of the value") }
        return start..<valueEnd
    }

    /// Reads what is expected up to the next place of decision; says what is expected there.
    private mutating func scanToken(_ expectation: Expectation) throws(Fault) -> Expectation {
        skipSpace()
        guard position < end else { throw Fault(offset: position, reason: "the text ends too early") }
        let byte = bytes[position]
        switch expectation {
        case .firstElement where byte == UInt8(ascii: "]"), .firstName where byte == UInt8(ascii: "}"):
            leave()
            return .commaOrEnd
        case .value, .firstElement:
            return try scanValue(byte)
        case .firstName, .name:
            try scanName(byte)
            return .value
        case .commaOrEnd:
            return try scanSeparator(byte)
        }
    }

    private mutating func scanValue(_ byte: UInt8) throws(Fault) -> Expectation {
        switch byte {
        case UInt8(ascii: "{"):
            try enter(.object)
            return .firstName
        case UInt8(ascii: "["):
            try enter(.array)
            return .firstElement
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        default: throw unexpected("a value was expected")
        }
        return .commaOrEnd
    }

    private mutating func scanName(_ byte: UInt8) throws(Fault) {
        guard byte == UInt8(ascii: "\"") else { throw unexpected("a member's name in quotes was expected") }
        try scanString()
        skipSpace()
        guard position < end, bytes[position] == UInt8(ascii: ":") else {
            throw unexpected("a colon was expected after a member's name")
        }
        position += 1
    }

    private mutating func scanSeparator(_ byte: UInt8) throws(Fault) -> Expectation {
        switch (byte, containers.last) {
        case (UInt8(ascii: ","), .array):
            position += 1
            return .value
        case (UInt8(ascii: ","), .object):
            position += 1
            return .name
        case (UInt8(ascii: "]"), .array), (UInt8(ascii: "}"), .object):
            leave()
            return .commaOrEnd
        default:
            throw unexpected("a comma or the end of the \(containers.last == .array ? "array" : "object") was expected")
        }
    }

    private mutating func enter(_ container: Container) throws(Fault) {
        guard containers.count < nestingMax else {
            throw Fault(offset: position, reason: "over \(nestingMax) levels of arrays and objects")
        }
        containers.append(container)
        position += 1
    }

    private mutating func leave() {
        containers.removeLast()
        position += 1
    }

    private mutating func skipSpace() {
        while position < end, bytes[position].isJSONSpace { position += 1 }
    }

    private mutating func scanLiteral(_ literal: StaticString) throws(Fault) {
        let length = literal.utf8CodeUnitCount
        let isThere = literal.withUTF8Buffer { bytes[position..<min(position + length, end)].elementsEqual($0) }
        guard isThere else { throw unexpected("a value was expected") }
        position += length
    }

    private mutating func scanNumber() throws(Fault) {
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if position < end, bytes[position] == UInt8(ascii: "0") {
            position += 1
            if position < end, bytes[position].isDigit { throw unexpected("a number has no leading zeros") }
        } else {
            try scanDigits()
        }
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try scanDigits()
        }
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < end, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try scanDigits()
        }
    }

    private mutating func scanDigits() throws(Fault) {
        guard position < end, bytes[position].isDigit else { throw unexpected("a digit was expected") }
        while position < end, bytes[position].isDigit { position += 1 }
    }

    /// From the quotation mark at the position to behind the one that ends it.
    private mutating func scanString() throws(Fault) {
        position += 1
        while position < end {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try scanEscape()
            case 0x20..<0x80: position += 1
            case 0x80...: try scanMultibyte(byte)
            default: throw unexpected("a control character in a string must be escaped")
            }
        }
        throw Fault(offset: position, reason: "the text ends within a string")
    }

    private mutating func scanEscape() throws(Fault) {
        let start = position
        guard position + 1 < end else { throw Fault(offset: position, reason: "the text ends within a string") }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            let unit = try scanUnit()
            guard unit & 0xF800 == 0xD800 else { return }
            let isPair =
                unit < 0xDC00 && position + 1 < end && bytes[position] == UInt8(ascii: "\\")
                && bytes[position + 1] == UInt8(ascii: "u")
            guard isPair, try scanUnit() & 0xFC00 == 0xDC00 else {
                throw Fault(offset: start, reason: "an escape of half a surrogate pair")
            }
        default: throw unexpected("unknown escape", at: position + 1)
        }
    }

    /// The four digits of an escape whose backslash is at the position.
    private mutating func scanUnit() throws(Fault) -> UInt16 {
        var unit: UInt16 = 0
        for index in position + 2..<position + 6 {
            guard index < end, let digit = Hexadecimal.value(of: bytes[index]) else {
                throw unexpected("an escape needs four hexadecimal digits", at: index)
            }
            unit = unit << 4 | UInt16(digit)
        }
        position += 6
        return unit
    }

    /// One character of two to four bytes, as the table of well-formed sequences in RFC 3629 has it.
    private mutating func scanMultibyte(_ first: UInt8) throws(Fault) {
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (0, 0...0)
            }
        let isWellFormed =
            length > 0 && position + length <= end && second.contains(bytes[position + 1])
            && (length < 3 || bytes[position + 2] & 0xC0 == 0x80) && (length < 4 || bytes[position + 3] & 0xC0 == 0x80)
        guard isWellFormed else { throw Fault(offset: position, reason: "not UTF-8") }
        position += length
    }

    private func unexpected(_ reason: String, at offset: Int? = nil) -> Fault {
        let offset = offset ?? position
        guard offset < end else { return Fault(offset: offset, reason: "the text ends too early, \(reason)") }
        let byte = bytes[offset]
        let seen =
            0x21..<0x7F ~= byte ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(Hexadecimal.digits(of: [byte]))"
        return Fault(offset: offset, reason: "\(reason), not \(seen)")
    }
}

extension UInt8 {
    var isJSONSpace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") || self == UInt8(ascii: "\r")
            || self == UInt8(ascii: "\t")
    }

    var isDigit: Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= self }
}
