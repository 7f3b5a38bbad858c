// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Logging

/// Options of whatever reads `workers.yml`.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The workers.yml to read. Default: workers.yml in the working folder, if there is one.")
    var config: String?

    func load(in context: CommandContext) throws(CommandError) -> WorkersFile {
        guard let path = path(in: context) else { return WorkersFile() }
        return try WorkersFileReader.load(path)
    }

    /// nil when none was named and the default one is not there.
    func path(in context: CommandContext) -> String? {
        if let config { return config }
        return FileManager.default.fileExists(atPath: context.defaultFile) ? context.defaultFile : nil
    }
}

/// Options of whatever runs for long.
struct LoggingOptions: ParsableArguments {
    @Option(
        help: "trace, debug, info, notice, warning, error or critical. Default: MILLRACE_LOG_LEVEL, or info.",
        transform: Self.level(named:))
    var logLevel: Logger.Level?

    func level(_ environment: [String: String]) throws(CommandError) -> Logger.Level {
        if let logLevel { return logLevel }
        guard let text = environment["MILLRACE_LOG_LEVEL"], !text.isEmpty else { return .info }
        do {
            return try Self.level(named: text)
        } catch {
            throw CommandError(.usage, "MILLRACE_LOG_LEVEL: \(error)")
        }
    }

    private static func level(named text: String) throws(ValidationError) -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("expected one of \(known)")
        }
        return level
    }
}
