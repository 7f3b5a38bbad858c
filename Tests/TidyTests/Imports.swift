// SPDX-License-Identifier: Apache-2.0

/// Which target may import what.
///
/// The build checks the targets of this package against each other (`--explicit-target-dependency-import-check`), but lets
/// any of them import whatever other packages bring along. This table says what is meant; it is the picture of who knows
/// what: drivers know no jobs, API and worker know no store, Hummingbird stays in the API.
enum Imports {
    /// The language's own modules and the platform's C library.
    static let everywhere: Set<String> = [
        "Dispatch", "FoundationEssentials", "Synchronization", "Swift", "Darwin", "Glibc", "Musl",
    ]

    /// A name that ends with a star stands for all modules that begin so.
    static let allowed: [String: [String]] = [
        "RedisDriver": ["CHiredis", "Logging", "NIO*"],
        "PostgresDriver": ["CLibPQ", "Logging"],
        "Millrace": ["Logging"],
        "MillraceRedis": ["Millrace", "RedisDriver", "Logging", "NIO*"],
        "MillracePostgres": ["Millrace", "PostgresDriver", "Logging"],
        "MillraceWorker": ["Millrace", "Logging", "NIO*", "ServiceLifecycle"],
        "MillraceAPI": ["Millrace", "Crypto", "HTTPTypes", "Hummingbird*", "Logging", "NIO*", "ServiceLifecycle"],
        "MillraceCLI": [
            "Millrace", "MillraceAPI", "MillracePostgres", "MillraceRedis", "MillraceWorker", "PostgresDriver",
            "RedisDriver", "ArgumentParser", "Logging", "NIO*", "ServiceLifecycle", "UnixSignals", "Yams",
        ],
        "MillraceTesting": ["Millrace", "Logging", "Testing"],
        "Storefront": [
            "Millrace", "MillraceAPI", "MillracePostgres", "PostgresDriver", "AsyncHTTPClient", "CArgon2", "CCurl",
            "CVips", "Crypto",
            "HTTPTypes", "Logging", "Mustache", "NIO*", "ServiceLifecycle",
        ],
        "MillraceTorture": [
            "Millrace", "MillraceCLI", "MillracePostgres", "PostgresDriver", "ArgumentParser", "AsyncHTTPClient",
            "Foundation", "NIO*",
        ],
        "MillraceMain": ["Millrace", "MillraceCLI", "Storefront"],
    ]

    static func foreignImports(_ files: [SourceFile]) -> [Violation] {
        files.filter(\.isSwift).flatMap { file -> [Violation] in
            guard let target = file.target, let allowed = allowed[target] else {
                return [file.violation(0, "its target is missing in the table of Tests/TidyTests/Imports.swift")]
            }
            return file.code.indices.compactMap { index in
                guard let module = importedModule(file.code[index]), !everywhere.contains(module),
                    !allowed.contains(where: { matches(module, $0) }), !isFallback(file.code, index)
                else { return nil }
                return file.violation(index, "\(target) may not import \(module) (Tests/TidyTests/Imports.swift)")
            }
        }
    }

    private static func matches(_ module: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? module.hasPrefix(pattern.dropLast()) : module == pattern
    }

    /// `NIOCore` for `@preconcurrency public import struct NIOCore.ByteBuffer`.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(whereSeparator: { $0.isWhitespace || $0 == ";" })
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({ $0.hasPrefix("@") || modifiers.contains(String($0)) })
        else { return nil }
        let rest = words[(keyword + 1)...].drop { kinds.contains(String($0)) }
        return rest.first.map { String($0.prefix { $0 != "." }) }
    }

    private static let modifiers: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
    private static let kinds: Set<String> = [
        "struct", "class", "enum", "protocol", "typealias", "func", "let", "var", "actor",
    ]

    /// On Apple's platforms FoundationEssentials is part of Foundation, so its absence allows the whole.
    private static func isFallback(_ code: [String], _ index: Int) -> Bool {
        index >= 3 && code[index - 1].hasPrefix("#else") && importedModule(code[index - 2]) == "FoundationEssentials"
            && code[index - 3].hasPrefix("#if canImport(FoundationEssentials)")
            && importedModule(code[index]) == "Foundation"
    }
}
