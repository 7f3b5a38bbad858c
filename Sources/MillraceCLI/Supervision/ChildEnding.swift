// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a supervisor knows of the end of a child process.
struct ChildEnd: Equatable, Sendable {
    var ending: ChildEnding
    /// Its message and backtrace; nil when it wrote none.
    var crashReport: String?
    /// The limit of memory for which it was killed by us; nil when it was not.
    var memoryMax: ByteCount?

    init(_ ending: ChildEnding, crashReport: String? = nil, memoryMax: ByteCount? = nil) {
        self.ending = ending
        self.crashReport = crashReport
        self.memoryMax = memoryMax
    }

    /// What its jobs may be blamed for: a signal from within, or the limit of memory. nil for any other end.
    var crash: String? {
        if let memoryMax { return "was killed at its memory limit of \(memoryMax)" }
        return ending.signalFromWithin.map { "ended by \($0)" }
    }
}

/// How a child process ended.
enum ChildEnding: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    /// Reads what `waitpid` says of a process that has ended.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7F
        self = signal == 0 ? .exited(waitStatus >> 8 & 0xFF) : .signalled(signal)
    }

    var isClean: Bool { self == .exited(0) }

    /// The name of the signal by which a process ends itself, such as a Swift trap; nil for any other end. A SIGKILL
    /// comes from outside and says nothing of the jobs that ran.
    var signalFromWithin: String? {
        guard case .signalled(let signal) = self else { return nil }
        return Self.signalsFromWithin[signal]
    }

    private static let signalsFromWithin: [Int32: String] = [
        SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGSEGV: "SIGSEGV", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
        SIGABRT: "SIGABRT",
    ]

    var description: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signalled(SIGKILL): "SIGKILL"
        case .signalled(SIGTERM): "SIGTERM"
        case .signalled(let signal): Self.signalsFromWithin[signal] ?? "signal \(signal)"
        }
    }
}
