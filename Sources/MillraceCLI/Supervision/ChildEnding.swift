// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

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
