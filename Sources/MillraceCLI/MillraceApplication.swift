// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
public import Millrace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The whole of Millrace as one command line program, with jobs of your own.
///
/// ```swift
/// @main struct Hello {
///     static func main() async {
///         var handlers = JobHandlers()
///         handlers.register(Greet.self) { job, _ in Greet.Output(greeting: "Hello, \(job.name)") }
///         await MillraceApplication(handlers: handlers).run()
///     }
/// }
/// ```
///
/// The program then has all of `millrace`'s commands: `migrate`, `serve`, `work`, `up` and so on, and speaks of itself by
/// the name that it was started by. The stores are found by `REDIS_URL` and `DATABASE_URL` in the environment.
public struct MillraceApplication: Sendable {
    private let parts: ApplicationParts

    /// - Parameter handlers: what its workers run; its API accepts jobs of these kinds.
    public init(handlers: JobHandlers = JobHandlers()) {
        parts = ApplicationParts(handlers: { _ in handlers })
    }

    package init(_ parts: ApplicationParts) {
        self.parts = parts
    }

    /// Carries out the command line and ends the process.
    ///
    /// Exit codes: 0 done · 1 the job failed · 2 the command line or a file is at fault · 3 not found · 4 conflict · 69
    /// a store is away or refuses · 70 a bug · 71 the system refuses · 124 the wait timed out ·
    /// 130 interrupted.
    public func run() async -> Never {
        // Whoever hangs up is told by the failing write.
        signal(SIGPIPE, SIG_IGN)
        let environment = ProcessInfo.processInfo.environment
        // What a supervisor told this process is not meant for those that handlers start. Done while there is one
        // thread.
        for variable in [Lifeline.variable, LoneNote.variable, WorkerIdentity.processVariable] { unsetenv(variable) }
        Lifeline.watch(environment)
        let context = CommandContext(
            parts: parts, environment: environment, console: .standard(environment: environment),
            openStores: { [parts] (addresses, options, logger) throws(CommandError) in
                try Stores.open(addresses, options, parts.schema, logger)
            })
        let name = Program.name(path: CommandLine.arguments.first) ?? Program.name
        let code = await Program.$name.withValue(name) {
            await MillraceCommand.run(Array(CommandLine.arguments.dropFirst()), in: context)
        }
        // Not `exit`: handlers that ignored their cancellation may still run, and would run into what is being torn
        // down.
        fflush(nil)
        _exit(code)
    }
}
