// SPDX-License-Identifier: Apache-2.0

/// What each file begins with.
enum Headers {
    static let licence = "SPDX-License-Identifier: Apache-2.0"

    /// The licence comes first, but for what a tool wants on the first line.
    static func missingLicences(_ files: [SourceFile]) -> [Violation] {
        files.compactMap { file in
            guard let comment = comment(of: file) else { return nil }
            let first = file.lines.first ?? ""
            let index =
                first.hasPrefix("#!") || first.hasPrefix("// swift-tools-version") || first.contains("shellcheck")
                ? 1 : 0
            guard index >= file.lines.count || file.lines[index] != "\(comment) \(licence)" else { return nil }
            return file.violation(index, "this line must be '\(comment) \(licence)'")
        }
    }

    private static func comment(of file: SourceFile) -> String? {
        if file.isSwift || file.name.hasSuffix(".h") || file.name.hasSuffix(".c") { return "//" }
        let isShell = file.name.hasSuffix(".sh") || file.lines.first?.hasPrefix("#!") == true
        return isShell ? "#" : nil
    }

    /// A Lua or SQL file says its name and purpose: `-- extend-leases: prolong every lease …`.
    static func unnamedScripts(_ files: [SourceFile]) -> [Violation] {
        files.filter { $0.isScript && !hasName($0) }.map {
            $0.violation(0, "the first line must be '-- \($0.stem): ' and the script's purpose")
        }
    }

    private static func hasName(_ file: SourceFile) -> Bool {
        let prefix = "-- \(file.stem): "
        guard let first = file.lines.first else { return false }
        return first.hasPrefix(prefix) && first.count > prefix.count
    }
}
