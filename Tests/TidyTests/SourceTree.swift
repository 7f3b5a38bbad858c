// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The package's files as they lie on disk, read once for all checks.
struct SourceTree: Sendable {
    static let package = Result { try SourceTree(root: packageRoot) }

    let sources: [SourceFile]
    let tests: [SourceFile]
    let examples: [SourceFile]
    /// The files under `scripts` and `.ci`.
    let tools: [SourceFile]
    let manifest: SourceFile
    /// The pages beside the manifest and under `docs`.
    let pages: [SourceFile]

    var all: [SourceFile] { sources + tests + examples + tools + [manifest] + pages }
    var swift: [SourceFile] { all.filter(\.isSwift) }

    init(root: URL) throws {
        sources = try Self.files(under: "Sources", of: root)
        tests = try Self.files(under: "Tests", of: root)
        examples = try Self.files(under: "Examples", of: root)
        tools = try Self.files(under: "scripts", of: root) + Self.files(under: ".ci", of: root)
        manifest = try Self.file("Package.swift", of: root)
        let top = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".md") }
        pages =
            try top.sorted().map { try Self.file($0, of: root) }
            + Self.files(under: "docs", of: root).filter { $0.name.hasSuffix(".md") }
    }

    private static var packageRoot: URL {
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    private static func file(_ path: String, of root: URL) throws -> SourceFile {
        let bytes = try Data(contentsOf: root.appendingPathComponent(path))
        return SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
    }

    /// Text files only: what holds a zero byte is a picture or the like. Hidden files below the folder are left out.
    private static func files(under folder: String, of root: URL) throws -> [SourceFile] {
        let top = root.appendingPathComponent(folder)
        guard FileManager.default.fileExists(atPath: top.path) else { return [] }
        let names = try FileManager.default.subpathsOfDirectory(atPath: top.path).sorted()
        return try names.compactMap { name in
            var isFolder: ObjCBool = false
            let path = top.appendingPathComponent(name).path
            guard !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
                FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue
            else { return nil }
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            guard !bytes.contains(0) else { return nil }
            return SourceFile(path: "\(folder)/\(name)", text: String(decoding: bytes, as: UTF8.self))
        }
    }
}
