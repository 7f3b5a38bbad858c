// SPDX-License-Identifier: Apache-2.0

/// Blanks out of Swift text what is not code: the insides of comments, strings and backticks.
///
/// Every line keeps its number and its length in bytes. Code inside an interpolation stays. A regex literal between bare
/// slashes is taken for code, so one that holds a quote blanks the rest of its line; no line after it.
struct SwiftCode {
    static func blanked(_ text: String) -> String {
        var scanner = SwiftCode(text)
        scanner.scan()
        return String(decoding: scanner.output, as: UTF8.self)
    }

    private enum Context {
        /// The file, or an interpolation with this many parentheses open inside it.
        case code(parentheses: Int)
        case string(hashes: Int, isMultiline: Bool)
    }

    private let input: [UInt8]
    private var output: [UInt8] = []
    private var index = 0
    private var contexts: [Context] = [.code(parentheses: 0)]

    private init(_ text: String) {
        input = Array(text.utf8)
        output.reserveCapacity(input.count)
    }

    private mutating func scan() {
        while index < input.count {
            switch contexts[contexts.count - 1] {
            case .code(let parentheses): scanCode(parentheses)
            case .string(let hashes, let isMultiline): scanString(hashes, isMultiline)
            }
        }
    }

    private mutating func scanCode(_ parentheses: Int) {
        if starts(with: "//") {
            while index < input.count, input[index] != UInt8(ascii: "\n") { blank() }
        } else if starts(with: "/*") {
            blankComment()
        } else if let opening = openingQuote() {
            keep(opening.length)
            contexts.append(.string(hashes: opening.hashes, isMultiline: opening.isMultiline))
        } else if starts(with: "`") {
            keep()
            while index < input.count, input[index] != UInt8(ascii: "`"), input[index] != UInt8(ascii: "\n") { blank() }
            if starts(with: "`") { keep() }
        } else if starts(with: "("), contexts.count > 1 {
            contexts[contexts.count - 1] = .code(parentheses: parentheses + 1)
            keep()
        } else if starts(with: ")"), contexts.count > 1 {
            if parentheses == 0 {
                contexts.removeLast()
            } else {
                contexts[contexts.count - 1] = .code(parentheses: parentheses - 1)
            }
            keep()
        } else {
            keep()
        }
    }

    private mutating func scanString(_ hashes: Int, _ isMultiline: Bool) {
        let fence = String(repeating: "#", count: hashes)
        if starts(with: "\\" + fence + "(") {
            blank(hashes + 1)
            keep()
            contexts.append(.code(parentheses: 0))
        } else if starts(with: "\\" + fence) {
            blank(hashes + 2)
        } else if starts(with: (isMultiline ? "\"\"\"" : "\"") + fence) {
            keep((isMultiline ? 3 : 1) + hashes)
            contexts.removeLast()
        } else {
            if input[index] == UInt8(ascii: "\n"), !isMultiline { contexts.removeLast() }
            blank()
        }
    }

    private mutating func blankComment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                blank(2)
            } else if starts(with: "*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
        } while depth > 0 && index < input.count
    }

    private func openingQuote() -> (hashes: Int, isMultiline: Bool, length: Int)? {
        guard input[index] == UInt8(ascii: "\"") || input[index] == UInt8(ascii: "#") else { return nil }
        let hashes = input[index...].prefix { $0 == UInt8(ascii: "#") }.count
        let quotes = input[(index + hashes)...].prefix(3).prefix { $0 == UInt8(ascii: "\"") }.count
        guard quotes > 0 else { return nil }
        return (hashes, quotes == 3, hashes + (quotes == 3 ? 3 : 1))
    }

    private func starts(with text: String) -> Bool {
        input[index...].starts(with: text.utf8)
    }

    private mutating func keep(_ count: Int = 1) {
        output.append(contentsOf: input[index..<min(index + count, input.count)])
        index += count
    }

    private mutating func blank(_ count: Int = 1) {
        for byte in input[min(index, input.count)..<min(index + count, input.count)] {
            output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        index += count
    }
}
