// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A process of the mill or of its clients. Its output goes to a file; its working folder is the torture's, by which the
/// undertaker knows whom to end.
final class ChildProcess: @unchecked Sendable {
    // Only `processIdentifier`, `isRunning` and the termination's facts are used after the start, from any thread.
    private let process = Process()
    let log: URL

    init(_ name: String, _ executable: URL, _ arguments: [String], _ environment: [String: String], folder: URL) throws
    {
        log = folder.appending(path: "logs/\(name).log")
        if !FileManager.default.fileExists(atPath: log.path()) { try Data().write(to: log) }
        let file = try FileHandle(forWritingTo: log)
        try file.seekToEnd()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = file
        process.standardError = file
        try process.runWithAllSignals()
        try file.close()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// Its exit code, or minus the signal that ended it; nil while it runs.
    var ending: Int32? {
        guard !process.isRunning else { return nil }
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }

    func signal(_ signal: Int32) {
        if process.isRunning { kill(pid, signal) }
    }

    /// The most memory that it ever had, in MiB.
    var peakMiB: Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 / 1024 } ?? 0
    }
}
