// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import UnixSignals

/// Where a command runs, and with what; tests put memory stores and clocks of their own in.
struct CommandContext: Sendable {
    var parts: ApplicationParts
    var environment: [String: String]
    var console: Console
    var openStores: @Sendable (StoreAddresses, StoreOptions, Logger) throws(CommandError) -> Stores
    /// Read when no other file is named, if it is there.
    var defaultFile = "workers.yml"
    var now: @Sendable () -> Timestamp = { .now() }
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// Returns when the user or the system wants this process to end.
    var interruption: @Sendable () async -> Void = {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
    }
    /// Reads standard input to its end, at most so many bytes.
    var readInput: @Sendable (Int) -> [UInt8] = { limit in
        var input: [UInt8] = []
        while input.count < limit, let bytes = FileDescriptor.read(0, limit: min(65_536, limit - input.count)) {
            input += bytes
        }
        return input
    }

    /// For a process that people signal. A child hears of a shutdown from its supervisor, and often from whoever told
    /// all processes of a service to end, too: that is no second wish, and its supervisor will kill it if need be.
    ///
    /// - Parameters:
    ///   - drain: what the first one makes of what runs.
    ///   - loss: what becomes of it at the second one.
    func secondSignal(
        drain: String, loss: String, beforeEnd: @escaping @Sendable () -> Void = {}
    ) -> SecondSignal? {
        guard environment[Lifeline.variable] == nil else { return nil }
        let (console, program) = (console, Program.name)
        return SecondSignal(
            onFirst: { console.note("\(program): draining: \(drain); Ctrl-C again ends it at once") },
            beforeEnd: {
                beforeEnd()
                console.note("\(program): ended at once: \(loss)")
            })
    }

    func handlers(for file: WorkersFile) -> JobHandlers {
        var handlers = parts.handlers(file.application(environment))
        if file.diagnostics { DiagnosticsJobs.register(in: &handlers) }
        return handlers
    }

    /// - Throws: `.usage` for what it was told wrongly, `.system` when the application cannot work on this machine.
    func checkApplication(_ file: WorkersFile) throws(CommandError) {
        do {
            try parts.check(file.application(environment))
        } catch let error as SettingsError {
            throw CommandError(.usage, error.description)
        } catch {
            throw CommandError(.system, "\(error)")
        }
    }

    func logger(_ level: Logger.Level) -> Logger {
        let note = console.note
        return Logger(label: "millrace", factory: { _ in LineLogHandler(level: level, write: note) })
    }

    /// Opens the stores for a command that makes a few calls and ends; what fails is the command's to tell, not the
    /// log's.
    func withStores<Value>(_ body: (Stores) async throws -> Value) async throws -> Value {
        let stores = try openStores(StoreAddresses(environment: environment), .brief, logger(.critical))
        do {
            let value = try await body(stores)
            await stores.close()
            return value
        } catch {
            await stores.close()
            throw error
        }
    }
}
