// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One file of the tree, as text and as lines.
struct SourceFile: Sendable {
    /// Relative to the package's root: `Sources/Millrace/Job.swift`.
    let path: String
    let lines: [String]
    /// The same lines without what is in comments, strings and backticks; only for Swift, else the lines themselves.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = Self.split(text)
        code = path.hasSuffix(".swift") ? Self.split(SwiftCode.blanked(text)) : lines
    }

    var name: String { String(path.split(separator: "/").last ?? "") }
    /// The name up to its first full stop.
    var stem: String { String(name.split(separator: ".").first ?? "") }
    var isSwift: Bool { name.hasSuffix(".swift") }
    var isScript: Bool { name.hasSuffix(".lua") || name.hasSuffix(".sql") }

    /// The folder below `Sources` or `Tests`, which is named like its target.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && (parts[0] == "Sources" || parts[0] == "Tests") ? String(parts[1]) : nil
    }

    func violation(_ index: Int, _ what: String) -> Violation {
        Violation(path: path, line: index + 1, what: what)
    }

    private static func split(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}
