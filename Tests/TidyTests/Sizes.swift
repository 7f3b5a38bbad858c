// SPDX-License-Identifier: Apache-2.0

/// Files and functions that are short enough to be read in one go.
enum Sizes {
    static let fileLinesMax = 600
    static let functionLinesMax = 70

    static func longFiles(_ files: [SourceFile]) -> [Violation] {
        files.filter { $0.isSwift && $0.lines.count > fileLinesMax }.map {
            $0.violation(
                fileLinesMax, "the file has \($0.lines.count) lines, at most \(fileLinesMax): one role per file")
        }
    }

    /// Functions, initializers and subscripts with a body, from the line of their keyword to that of their last brace.
    static func longFunctions(_ files: [SourceFile]) -> [Violation] {
        files.filter(\.isSwift).flatMap { file in
            FunctionScanner.functions(in: file.code).filter { $0.count > functionLinesMax }.map {
                file.violation($0.lowerBound, "the function has \($0.count) lines, at most \(functionLinesMax)")
            }
        }
    }
}

/// Finds functions by matching brackets in code whose strings and comments are blanked.
///
/// The text between the last brace at the same depth and an opening brace is its header; one that holds the keyword of a
/// function opens a function's body. Requirements of a protocol have none, and are passed over.
private struct FunctionScanner {
    static func functions(in code: [String]) -> [ClosedRange<Int>] {
        var scanner = FunctionScanner()
        for (index, line) in code.enumerated() { scanner.scan(line, index) }
        return scanner.functions
    }

    private struct Bracket {
        /// The line of the keyword, if this is the brace of a function's body.
        var functionStart: Int?
        /// The line of a function's keyword that no brace has followed yet at this depth.
        var pendingFunction: Int?
    }

    private var functions: [ClosedRange<Int>] = []
    private var brackets = [Bracket()]

    private mutating func scan(_ line: String, _ lineIndex: Int) {
        var name: [UInt8] = []
        var beforeName: UInt8?
        var last: UInt8?
        for byte in Array(line.utf8) + [UInt8(ascii: "\n")] {
            if byte.isPartOfName {
                if name.isEmpty { beforeName = last }
                name.append(byte)
            } else {
                // A call of an initializer or a subscript by its name comes after a full stop.
                if Self.functionKeywords.contains(name), beforeName != UInt8(ascii: ".") {
                    brackets[brackets.count - 1].pendingFunction = lineIndex
                } else if Self.otherKeywords.contains(name) {
                    brackets[brackets.count - 1].pendingFunction = nil
                }
                name.removeAll(keepingCapacity: true)
                scan(bracket: byte, lineIndex)
            }
            last = byte
        }
    }

    private static let functionKeywords = Set(["func", "init", "deinit", "subscript"].map { Array($0.utf8) })
    /// What begins another declaration, so that the function before it was one without a body.
    private static let otherKeywords = Set(
        [
            "actor", "associatedtype", "case", "class", "enum", "extension", "let", "protocol", "struct", "typealias",
            "var",
        ]
        .map { Array($0.utf8) })

    private mutating func scan(bracket byte: UInt8, _ lineIndex: Int) {
        switch byte {
        case UInt8(ascii: "{"):
            let start = brackets[brackets.count - 1].pendingFunction
            brackets[brackets.count - 1].pendingFunction = nil
            brackets.append(Bracket(functionStart: start))
        case UInt8(ascii: "("), UInt8(ascii: "["):
            brackets.append(Bracket())
        case UInt8(ascii: "}"), UInt8(ascii: ")"), UInt8(ascii: "]"):
            guard brackets.count > 1 else { return }
            let closed = brackets.removeLast()
            if let start = closed.functionStart { functions.append(start...lineIndex) }
        default:
            break
        }
    }
}

extension UInt8 {
    fileprivate var isPartOfName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }
}
