// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Logging
import Millrace
import MillraceAPI
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `millrace up`
struct UpCommand: ContextCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "up", abstract: "Runs the API and all pools of workers.yml, and keeps them running.",
            discussion: """
                Each is a process of its own, and is started again when it ends. `\(Program.name) scale` changes a \
                pool's count while this runs. On SIGTERM or Ctrl-C all end in order; a second one ends them at once. \
                It ends by itself when the API cannot have its port.
                """)
    }

    @OptionGroup var file: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions
    @Option(help: "The port of the API, 1 to 65535. Default: that of workers.yml.")
    var port: Int?

    func validate() throws {
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("--port: expected 1 to 65535, found \(port)")
        }
    }

    func run(in context: CommandContext) async throws {
        let settings = try file.load(in: context)
        let level = try logging.level(context.environment)
        let logger = context.logger(level)
        try context.checkApplication(settings)
        let stores = try context.openStores(
            StoreAddresses(environment: context.environment), .supervisor, logger)
        try await refuseUnusable(stores, settings, logger)
        // Whoever started us may have had it ignored, and then nobody would learn how a child ended.
        signal(SIGCHLD, SIG_DFL)
        let note = context.console.note
        let words = LastWords(program: Program.name)
        let processes = try ChildProcesses(executable: Self.executable()) { name, pid, line in
            if name == "\(PoolPlan.Role.api)" { words.hear(line) }
            note("\(name)[\(pid)] \(line)")
        }
        let supervisor = Supervisor(
            launch: launch(settings, level, context), processes: processes, broker: stores.broker,
            ledger: stores.ledger, logger: logger)
        do {
            try await ServiceRunner.run(
                [supervisor], logger: logger,
                secondSignal: context.secondSignal(
                    drain: "running handlers have up to \(settings.drainTimeoutMax.text)",
                    loss: WorkCommand.lossAtOnce, beforeEnd: { processes.killAll() }))
        } catch is APIRefused {
            throw CommandError(.usage, words.error ?? "the API does not start, see its lines above")
        }
        await stores.close()
    }

    /// One look at both stores: what refuses now would refuse every child. One that is away is the children's to wait
    /// for.
    private func refuseUnusable(
        _ stores: Stores, _ settings: WorkersFile, _ logger: Logger
    ) async throws(CommandError) {
        var budget: (counts: [String: Int], allowed: Int?)?
        do throws(LedgerError) {
            try await stores.ledger.check()
            budget = (try await stores.ledger.poolCounts(), try await stores.connectionsAllowed())
        } catch {
            guard error.isTransient else { throw CommandError(error) }
        }
        if let budget { try settings.refuseTooManyConnections(counts: budget.counts, allowed: budget.allowed) }
        do throws(BrokerError) {
            try await stores.checkBroker()
        } catch {
            guard error.isTransient else { throw CommandError(error) }
        }
    }

    private func launch(
        _ settings: WorkersFile, _ level: Logger.Level, _ context: CommandContext
    ) -> Supervisor.Launch {
        var common = ["--log-level", level.rawValue]
        if let path = file.path(in: context) { common += ["--config", path] }
        let api = port.map { ["--port", "\($0)"] } ?? []
        return Supervisor.Launch(
            file: settings, commonOptions: common, apiOptions: api, environment: context.environment)
    }

    /// The path of this program, so that children are the same one.
    private static func executable() throws(CommandError) -> String {
        #if canImport(Glibc)
            let link = "/proc/self/exe"
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(link, &buffer, buffer.count - 1)
            guard count > 0 else { throw CommandError(.system, "\(link): \(String(cString: strerror(errno)))") }
            let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // A file that was replaced since can still be started by the link.
            return access(path, X_OK) == 0 ? path : link
        #else
            var size = UInt32(PATH_MAX)
            var buffer = [CChar](repeating: 0, count: Int(size))
            guard _NSGetExecutablePath(&buffer, &size) == 0 else {
                throw CommandError(.system, "the path of this program is not known")
            }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #endif
    }
}

/// What the API said last of why it ends, to be the last line that a person sees.
private final class LastWords: Sendable {
    private let program: String
    private let state = Mutex<String?>(nil)
    var error: String? { state.withLock { $0 } }

    init(program: String) {
        self.program = program
    }

    func hear(_ line: String) {
        guard let words = Console.complaint(of: program, in: line) else { return }
        state.withLock { $0 = words }
    }
}
