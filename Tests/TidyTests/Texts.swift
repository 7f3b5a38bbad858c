// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What no line may say, comments and strings included. The words are put together here, as this file is read too.
enum Texts {
    private static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    private static let machineFolders = ["wo" + "rk", "ho" + "me", "ro" + "ot"].map { "/\($0)/" }

    static func unfinishedWork(_ files: [SourceFile]) -> [Violation] {
        violations(in: files) { line in
            unfinished.filter(line.contains(word:)).map { "\($0): finish it, or open an issue" }
        }
    }

    /// Absolute paths that exist on somebody's machine alone; the same name inside a longer path or a URL is none.
    static func machinePaths(_ files: [SourceFile]) -> [Violation] {
        violations(in: files) { line in
            machineFolders.filter { holdsPath(line, $0) }.map { "\($0)… is a path of one machine" }
        }
    }

    private static func holdsPath(_ line: String, _ folder: String) -> Bool {
        var rest = line[...]
        while let found = rest.range(of: folder) {
            let before = line[..<found.lowerBound].last
            if before.map({ !$0.isPartOfName && !".-~}*/".contains($0) }) ?? true { return true }
            rest = line[found.upperBound...]
        }
        return false
    }

    private static func violations(in files: [SourceFile], _ findings: (String) -> [String]) -> [Violation] {
        files.flatMap { file in
            file.lines.indices.flatMap { index in findings(file.lines[index]).map { file.violation(index, $0) } }
        }
    }
}
