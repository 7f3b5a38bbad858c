// SPDX-License-Identifier: Apache-2.0

/// What a process wrote when it crashed: the runtime's message and the backtrace, without registers and images.
///
/// It is fed every line of the process and keeps a bounded part. It knows the form of Swift's own backtraces; of a process that
/// wrote none it has the message alone, where there is one.
struct CrashReport: Sendable {
    static let bytesMax = 3000
    private static let marker = "Program crashed:"
    private static let messages = ["Fatal error", "Precondition failed", "Assertion failed"]
    /// Lines between the message and the backtrace, at most.
    private static let messageDistanceMax = 20

    private var message: String?
    private var messageAge = 0
    private var backtrace: [String] = []
    private var byteCount = 0
    private var isSkipping = false

    mutating func append(_ line: String) {
        if line.contains(Self.marker) {
            (backtrace, byteCount, isSkipping) = ([], 0, false)
            keep(line)
        } else if !backtrace.isEmpty {
            continueBacktrace(line)
        } else if Self.messages.contains(where: line.contains) {
            (message, messageAge) = (String(line.prefix(Self.bytesMax / 3)), 0)
        } else {
            messageAge += 1
            if messageAge > Self.messageDistanceMax { message = nil }
        }
    }

    /// nil when the process wrote nothing of that kind.
    var text: String? {
        let lines = [message].compactMap(\.self) + backtrace
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }

    private mutating func continueBacktrace(_ line: String) {
        let start = line.drop { $0 == " " }
        // Values of the process's memory may be secrets, and the list of its images is long.
        if start.hasPrefix("Registers") || start.hasPrefix("Images") { isSkipping = true }
        if start.hasPrefix("Thread ") { isSkipping = false }
        if !isSkipping, !start.isEmpty { keep(line) }
    }

    private mutating func keep(_ line: String) {
        guard byteCount + line.utf8.count <= Self.bytesMax else { return }
        byteCount += line.utf8.count + 1
        backtrace.append(line)
    }
}
