// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceWorker

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
    /// What it ran alone when it ended, as it said itself; idle for a process that is not for suspects.
    var loneRun: LoneRun

    init(
        _ ending: ChildEnding, crashReport: String? = nil, memoryMax: ByteCount? = nil, loneRun: LoneRun = .idle
    ) {
        self.ending = ending
        self.crashReport = crashReport
        self.memoryMax = memoryMax
        self.loneRun = loneRun
    }

    /// What the ledger is told of it; nil when nobody is to blame.
    ///
    /// - Parameters:
    ///   - isAlone: it was for suspects.
    ///   - wasStopped: we told it to end, so that its exit is no handler's doing.
    func blame(process: ProcessID, isAlone: Bool, wasStopped: Bool) -> ProcessCrash? {
        guard isAlone else {
            return crash.map { ProcessCrash(process: process, report: "its process \($0)") }
        }
        let job: JobID
        switch loneRun {
        case .idle: return nil
        case .running(let id), .stopping(let id), .stuck(let id): job = id
        }
        if let crash {
            let backtrace = crashReport.map { "\n\($0)" } ?? ""
            return ProcessCrash(
                process: process, alone: job, report: "the process in which it ran alone \(crash)\(backtrace)")
        }
        return unfinished(wasStopped: wasStopped).map {
            ProcessCrash(process: process, alone: job, report: $0, isCertain: false)
        }
    }

    /// What a lone run is counted for that has not ended in order; nil where somebody else may have ended it.
    private func unfinished(wasStopped: Bool) -> String? {
        switch loneRun {
        case .stuck:
            // It has said by then what it does with its time-out: how its process ended does not matter.
            return
                "it ran past its time-out and ignored its cancellation, and the process in which it ran alone had to end"
        case .running where !wasStopped && ending.isItsOwn:
            let end = if case .exited(let code) = ending { "with exit code \(code)" } else { "by \(ending)" }
            return "the process in which it ran alone ended \(end)"
        case .running, .stopping, .idle:
            return nil
        }
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

    /// Whether nobody else has ended it, as far as that can be told: an operator or the system sends signals of their own.
    var isItsOwn: Bool {
        guard case .signalled(let signal) = self else { return true }
        return ![SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(signal)
    }

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
