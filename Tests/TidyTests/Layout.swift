// SPDX-License-Identifier: Apache-2.0

/// Folders, targets and embedded files belong together.
enum Layout {
    /// Every folder of `Sources` and `Tests` is a target of that name, and the other way round.
    static func strayFolders(_ files: [SourceFile], _ manifest: SourceFile) -> [Violation] {
        let targets = targets(of: manifest)
        let folders = Set(files.compactMap(folder))
        let undeclared = folders.subtracting(targets.keys).map {
            Violation(path: $0, line: 1, what: "the folder is no target of Package.swift")
        }
        let empty = targets.filter { !folders.contains($0.key) }.map {
            manifest.violation($0.value, "the target has no folder \($0.key)")
        }
        return (undeclared + empty).sorted { $0.description < $1.description }
    }

    private static func folder(of file: SourceFile) -> String? {
        file.target.map { "\(file.path.prefix { $0 != "/" })/\($0)" }
    }

    /// The folder of each target, with the index of the line that declares it.
    private static func targets(of manifest: SourceFile) -> [String: Int] {
        var targets: [String: Int] = [:]
        var kind: (word: String, line: Int)?
        for (index, line) in manifest.lines.enumerated() {
            if let match = line.firstMatch(of: /^\s*\.(target|executableTarget|systemLibrary|testTarget)\(/) {
                kind = (String(match.1), index)
            }
            if let open = kind, let match = line.firstMatch(of: /name:\s*"([^"]+)"/) {
                targets["\(open.word == "testTarget" ? "Tests" : "Sources")/\(match.1)"] = open.line
                kind = nil
            }
        }
        return targets
    }

    /// A script that nothing loads is dead, and untested. Swift sees it as `PackageResources.extend_leases_lua`.
    static func unusedScripts(_ files: [SourceFile]) -> [Violation] {
        files.filter { $0.isScript && $0.target != nil }.compactMap { script in
            let name = embeddedName(of: script.name)
            let isUsed = files.contains { file in
                file.isSwift && file.target == script.target && file.code.contains { $0.contains(word: name) }
            }
            return isUsed ? nil : script.violation(0, "no Swift file of \(script.target ?? "") mentions \(name)")
        }
    }

    /// As the build names an embedded file: a leading digit is lost, what is no letter or digit becomes an underscore.
    static func embeddedName(of file: String) -> String {
        let name = file.map { $0.isLetter || $0.isNumber ? $0 : "_" }
        return String(name.first?.isNumber == true ? Array(name.dropFirst()) : name)
    }
}
