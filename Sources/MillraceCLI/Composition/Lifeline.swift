// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A child process's end of the pipe by which it notices that its supervisor is gone.
///
/// It then ends as if it had been told to: it drains, and another supervisor may take over its work meanwhile.
enum Lifeline {
    /// Names the descriptor that the lifeline has in a child.
    static let variable = "MILLRACE_LIFELINE"

    /// Watches the lifeline, where there is one, until the process ends. Processes that handlers start do not inherit
    /// it.
    static func watch(_ environment: [String: String]) {
        guard let text = environment[variable], let descriptor = Int32(text), descriptor > STDERR_FILENO,
            isPipe(descriptor)
        else { return }
        FileDescriptor.setCloseOnExec(descriptor)
        _ = DetachedThread.start {
            while FileDescriptor.read(descriptor, limit: 64) != nil {}
            kill(getpid(), SIGTERM)
        }
    }

    private static func isPipe(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }
}
