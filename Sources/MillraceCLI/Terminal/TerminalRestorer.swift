// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Gives the terminal back when the process is killed by a signal from within (a trap) or by SIGQUIT.
///
/// The handler writes the restoring sequence and restores the terminal's mode, both by calls that POSIX allows in a
/// handler; then it puts back whoever handled the signal before (the system, or Swift's backtracer) and raises it again.
/// It reads plain memory that was filled in before it was installed: no lock, no allocation, no Swift runtime.
enum TerminalRestorer {
    private static let signals = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGQUIT]

    /// What the handler reads, at one address for as long as the process lives.
    private struct Shared {
        var descriptor: Int32 = -1
        var mode = termios()
        var hasMode = false
        var sequence: UnsafeMutablePointer<UInt8>
        var sequenceBytes: Int
        /// By the signal's number.
        var previous: UnsafeMutablePointer<sigaction>
    }

    // Written only while no handler is installed; signal handlers, the only other readers, come after.
    private nonisolated(unsafe) static let shared: UnsafeMutablePointer<Shared> = {
        let bytes = Array(TerminalSequence.leave.utf8)
        let sequence = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
        sequence.initialize(from: bytes, count: bytes.count)
        let previous = UnsafeMutablePointer<sigaction>.allocate(capacity: 64)
        previous.initialize(repeating: sigaction(), count: 64)
        let shared = UnsafeMutablePointer<Shared>.allocate(capacity: 1)
        shared.initialize(to: Shared(sequence: sequence, sequenceBytes: bytes.count, previous: previous))
        return shared
    }()

    /// - Parameters:
    ///   - descriptor: where the restoring sequence goes.
    ///   - mode: standard input's, to be restored as well; nil when it was not changed.
    static func install(descriptor: Int32, mode: termios?) {
        shared.pointee.descriptor = descriptor
        shared.pointee.hasMode = mode != nil
        if let mode { shared.pointee.mode = mode }
        for number in signals {
            var action = sigaction()
            #if canImport(Glibc)
                action.__sigaction_handler.sa_handler = handler
            #else
                action.__sigaction_u.__sa_handler = handler
            #endif
            // On the signal stack, where there is one: the thread's own may be what ran out.
            action.sa_flags = Int32(SA_ONSTACK)
            sigemptyset(&action.sa_mask)
            // A process in the background would be stopped for restoring the mode.
            sigaddset(&action.sa_mask, SIGTTOU)
            _ = sigaction(number, &action, shared.pointee.previous + Int(number))
        }
    }

    static func uninstall() {
        for number in signals { _ = sigaction(number, shared.pointee.previous + Int(number), nil) }
    }

    private static let handler: @convention(c) (Int32) -> Void = { number in
        let shared = TerminalRestorer.shared
        _ = write(shared.pointee.descriptor, shared.pointee.sequence, shared.pointee.sequenceBytes)
        if shared.pointee.hasMode { _ = tcsetattr(STDIN_FILENO, TCSANOW, &shared.pointee.mode) }
        _ = sigaction(number, shared.pointee.previous + Int(number), nil)
        // Blocked until this handler returns.
        raise(number)
    }
}
