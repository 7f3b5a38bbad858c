// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Millrace

/// `millrace doctor`
struct DoctorCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks at the stores and at who works, and says what is wrong.",
        discussion: "Ends with exit code 69 when something is at fault; warnings do not count.")

    @OptionGroup var file: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Shows the limits that nothing configures, instead.")
    var limits = false

    func run(in context: CommandContext) async throws {
        if limits {
            return try Listing.limits.show(LimitRow.all, next: nil, as: output.output, on: context.console)
        }
        let settings = try file.load(in: context)
        let inspector = StoreInspector(
            addresses: try StoreAddresses(environment: context.environment), schema: context.parts.schema,
            now: context.now,
            logger: context.logger(.critical))
        var findings = await postgres(inspector, settings) + redis(inspector)
        if !findings.contains(where: { $0.severity == .fault }) { findings += await workforce(in: context) }
        try Listing.findings.show(findings, next: nil, as: output.output, on: context.console)
        let faults = findings.count { $0.severity == .fault }
        guard faults == 0 else {
            throw CommandError(.unavailable, "\(faults) of \(findings.count) findings are faults")
        }
    }

    private func postgres(_ inspector: StoreInspector, _ settings: WorkersFile) async -> [Finding] {
        do throws(CommandError) {
            return try await inspector.database().findings(wanted: settings.databaseConnections(counts: [:]))
        } catch {
            return [Finding(severity: .fault, part: "postgres", text: error.message)]
        }
    }

    /// Asked of stores that are known to be there.
    private func workforce(in context: CommandContext) async -> [Finding] {
        do {
            return try await context.withStores { stores in try await WorkforceFindings.read(stores) }
        } catch {
            return [Finding(severity: .warning, part: "workers", text: "not known: \(CommandError(error).message)")]
        }
    }

    private func redis(_ inspector: StoreInspector) async -> [Finding] {
        do throws(CommandError) {
            return try await inspector.redis().findings
        } catch {
            return [Finding(severity: .fault, part: "redis", text: error.message)]
        }
    }
}
