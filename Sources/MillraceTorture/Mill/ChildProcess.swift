// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A process of the mill or of its clients. Its output goes to a file; its working folder is the torture's, by which the
/// undertaker knows whom to end.
final class ChildProcess: @unchecked Sendable {
    // Only `processIdentifier`, `isRunning` and the termination's facts are used after the start, from any thread.
    private let process = Process()
    let log: URL

    /// - Parameter command: a program that is found by its name, and its arguments.
    init(_ name: String, _ command: [String], _ environment: [String: String], folder: URL) throws {
        log = folder.appending(path: "logs/\(name).log")
        if !FileManager.default.fileExists(atPath: log.path()) { try Data().write(to: log) }
        let file = try FileHandle(forWritingTo: log)
        try file.seekToEnd()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
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

    /// The processes that it has started, which the kernel lists for each of its threads.
    var children: [Int32] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return threads.flatMap { thread in
            let list = (try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/children", encoding: .utf8)) ?? ""
            return list.split(separator: " ").compactMap { Int32($0) }
        }
    }

    /// The most memory that it ever had, or one that it has started, in MiB.
    var peakMiB: Int { ([pid] + children).map(Self.peakMiB).max() ?? 0 }

    private static func peakMiB(of pid: Int32) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 / 1024 } ?? 0
    }
}

/// Whether a process runs; one that nobody has waited for yet does not.
func isAlive(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !(stat.split(separator: ")").last?.hasPrefix(" Z") ?? true)
}
