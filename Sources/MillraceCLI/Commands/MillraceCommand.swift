// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// The command `millrace`: takes the command line apart and runs a subcommand.
struct MillraceCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Program.name,
            abstract: "Background jobs on Redis and PostgreSQL.",
            discussion: """
                The stores are found by REDIS_URL (default redis://127.0.0.1:6379) and DATABASE_URL (needed).

                Exit codes: 0 done, 1 the job failed, 2 usage, 3 not found, 4 conflict, 69 a store is away or refuses, \
                70 a bug, 71 the system refuses, 124 the wait timed out, 130 interrupted.
                """,
            version: Program.version,
            subcommands: [
                UpCommand.self, ServeCommand.self, WorkCommand.self, ScaleCommand.self, EnqueueCommand.self,
                TopCommand.self, QueuesCommand.self, JobsCommand.self, WhyCommand.self, WorkersCommand.self,
                KeysCommand.self,
                RebuildCommand.self, MigrateCommand.self, DoctorCommand.self, BenchCommand.self,
            ])
    }

    /// Returns the exit code.
    static func run(_ arguments: [String], in context: CommandContext) async -> Int32 {
        do {
            try armFailpoints(in: context)
            if let message = unknownCommand(arguments) { throw CommandError(.usage, message) }
            var command = try parseAsRoot(arguments)
            if let command = command as? any ContextCommand {
                try await command.run(in: context)
            } else {
                try command.run()
            }
            return 0
        } catch let error as CommandError {
            return report(error, context)
        } catch  where exitCode(for: error).isSuccess {
            // Help, the version or a completion script was asked for.
            do throws(CommandError) { try context.console.write(fullMessage(for: error) + "\n") } catch {}
            return 0
        } catch {
            return report(
                isUsage(error) ? CommandError(.usage, usageMessage(for: error)) : CommandError(error), context)
        }
    }

    /// Before anything else, and whatever the command: whoever runs it must know.
    private static func armFailpoints(in context: CommandContext) throws(CommandError) {
        do {
            try FailpointPlan.arm(context.environment[FailpointPlan.variable]) { context.console.complain($0) }
        } catch {
            throw CommandError(.usage, "\(error)")
        }
    }

    /// ArgumentParser says "unexpected argument" and leaves it at that.
    private static func unknownCommand(_ arguments: [String]) -> String? {
        unknownCommand(in: arguments[...], below: configuration, path: Program.name)
    }

    private static func unknownCommand(
        in arguments: ArraySlice<String>, below parent: CommandConfiguration, path: String
    ) -> String? {
        guard let word = arguments.first, !word.hasPrefix("-"), word != "help", !parent.subcommands.isEmpty else {
            return nil
        }
        if let command = parent.subcommands.first(where: { $0.configuration.commandName == word }) {
            return unknownCommand(in: arguments.dropFirst(), below: command.configuration, path: "\(path) \(word)")
        }
        let known = parent.subcommands.compactMap { $0.configuration.commandName }
        let guess = Nearest.match(for: word, among: known).map { ", did you mean \($0)?" }
        return "unknown command \(EscapedText.quotedIfNeeded(word))\(guess ?? ", see \(path) --help")"
    }

    /// ArgumentParser's own errors are all about the command line.
    private static func isUsage(_ error: any Error) -> Bool {
        exitCode(for: error) == .validationFailure
    }

    private static func usageMessage(for error: any Error) -> String {
        String(fullMessage(for: error).trimmingPrefix("Error: "))
    }

    private static func report(_ error: CommandError, _ context: CommandContext) -> Int32 {
        if !error.message.isEmpty { context.console.complain(error.message) }
        return error.code.exitCode
    }
}

/// A command that needs to know where it runs.
protocol ContextCommand: ParsableCommand {
    func run(in context: CommandContext) async throws
}
