// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A real process that a test starts, signals and waits for. Its output goes to a file, which a failing test quotes.
final class Child: @unchecked Sendable {
    // Only `pid`, `isRunning` and `terminate` of Process are used after the start; they may be called from any thread.
    private let process = Process()
    let logFile: URL
    let name: String

    init(_ name: String, _ executable: URL, _ arguments: [String], environment: [String: String], logFolder: URL) throws
    {
        self.name = name
        logFile = logFolder.appending(path: "\(name)-\(UUID().uuidString.prefix(8)).log")
        try Data().write(to: logFile)
        let log = try FileHandle(forWritingTo: logFile)
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.runWithAllSignals()
        try log.close()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    func signal(_ signal: Int32) {
        if process.isRunning { kill(pid, signal) }
    }

    /// Waits for its end; its exit code, or minus the signal that ended it. nil when it still runs at the deadline.
    func exitCode(within seconds: Double) async -> Int32? {
        let ended = await eventually(within: .seconds(seconds)) { !self.isRunning }
        guard ended else { return nil }
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }
}

/// Runs a command to its end and returns what it printed; throws when it failed.
@discardableResult
func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
        // A blocking wait has no place on the cooperative pool.
        DispatchQueue.global().async {
            continuation.resume(with: Result { try runBlocking(arguments, environment: environment) })
        }
    }
}

/// Its output goes through a file, which cannot fill up as a pipe can.
private func runBlocking(_ arguments: [String], environment: [String: String]) throws -> String {
    let output = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
    try Data().write(to: output)
    defer { try? FileManager.default.removeItem(at: output) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.standardError
    try process.runWithAllSignals()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw CommandFailure(command: arguments.joined(separator: " "), status: process.terminationStatus)
    }
    return try String(contentsOf: output, encoding: .utf8)
}

extension Process {
    /// Starts it with no signal blocked: a child inherits the mask of the thread, and those of a pool block most of them, so that
    /// a store which the child leaves behind would not hear that it is to end.
    fileprivate func runWithAllSignals() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

struct CommandFailure: Error {
    let command: String
    let status: Int32
}
