// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Turns the signals that a terminal program minds into bytes in a pipe, which a thread can wait for beside the keyboard.
///
/// One at a time in a process. Not by Dispatch, whose signal sources leave the disposition alone: SIGTSTP would stop the
/// process before anybody heard of it.
enum TerminalSignals {
    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT]

    // The pipe's writing end; written while no handler is installed.
    private nonisolated(unsafe) static let writer: UnsafeMutablePointer<Int32> = {
        let writer = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        writer.initialize(to: -1)
        return writer
    }()

    /// Returns the pipe's reading end; nil when the system has no descriptor left.
    static func install() -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            FileDescriptor.setCloseOnExec(end)
            // A full pipe must not hold up a handler: what it holds says enough.
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
        }
        writer.pointee = ends[1]
        for number in signals { _ = signal(number, handler) }
        return ends[0]
    }

    /// The signals have their usual effect again, and the pipe ends.
    static func uninstall() {
        for number in signals { _ = signal(number, SIG_DFL) }
        close(writer.pointee)
        writer.pointee = -1
    }

    /// Lets the calling thread take the signals: threads of Dispatch block them.
    static func unblock() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in signals { sigaddset(&set, number) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Stops the process as Ctrl-Z does; returns when it was continued, or at once when nobody could continue it.
    static func stop() {
        var (set, previous) = (sigset_t(), sigset_t())
        sigemptyset(&set)
        sigaddset(&set, SIGTSTP)
        _ = signal(SIGTSTP, SIG_DFL)
        raise(SIGTSTP)
        // Here it stops: a signal that a thread sends to itself waits until the thread lets it in.
        pthread_sigmask(SIG_UNBLOCK, &set, &previous)
        pthread_sigmask(SIG_SETMASK, &previous, nil)
        _ = signal(SIGTSTP, handler)
    }

    private static let handler: @convention(c) (Int32) -> Void = { number in
        let code = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(TerminalSignals.writer.pointee, &byte, 1)
        errno = code
    }
}
