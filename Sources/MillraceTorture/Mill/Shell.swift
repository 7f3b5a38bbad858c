// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs a command to its end and returns what it printed.
///
/// - Throws: ``CommandFailure`` when it failed, or took too long, and was killed.
@discardableResult
func shell(
    _ arguments: [String], environment: [String: String] = [:], within seconds: Double = 60
) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
        // A blocking wait has no place on the cooperative pool.
        DispatchQueue.global().async {
            continuation.resume(with: Result { try runBlocking(arguments, environment, seconds) })
        }
    }
}

/// Its output goes through a file, which cannot fill up as a pipe can, and which a server that it leaves behind may keep open.
private func runBlocking(_ arguments: [String], _ environment: [String: String], _ seconds: Double) throws -> String {
    let output = FileManager.default.temporaryDirectory.appending(path: "millrace-torture-\(UUID().uuidString)")
    try Data().write(to: output)
    defer { try? FileManager.default.removeItem(at: output) }
    let ended = DispatchSemaphore(value: 0)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    process.terminationHandler = { _ in ended.signal() }
    try process.runWithAllSignals()
    if ended.wait(timeout: .now() + seconds) == .timedOut { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    guard process.terminationStatus == 0, process.terminationReason == .exit else {
        throw CommandFailure(command: arguments.joined(separator: " "), status: process.terminationStatus)
    }
    return try String(contentsOf: output, encoding: .utf8).trimmingCharacters(in: .newlines)
}

struct CommandFailure: Error, CustomStringConvertible {
    let command: String
    let status: Int32

    var description: String { "\(command.prefix(300)): ended with \(status)" }
}

extension Process {
    /// Starts it with no signal blocked: a child inherits the mask of the thread, and those of a pool block most of them.
    func runWithAllSignals() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

/// Lets time go by; a cancelled torture goes on at once.
func pause(_ duration: Duration) async {
    try? await Task.sleep(for: duration)
}

/// Polls a condition until it holds or the time is over; whether it held.
func eventually(
    within timeout: Duration, every interval: Duration = .milliseconds(200), _ condition: () async -> Bool
) async -> Bool {
    let deadline = ContinuousClock.now + timeout
    while true {
        if await condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        await pause(interval)
    }
}
