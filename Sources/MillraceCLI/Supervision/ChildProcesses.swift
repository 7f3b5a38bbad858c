// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceWorker
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The child processes that run now: starts them, signals them, and says how each ended.
///
/// A child is in a process group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone, which then
/// ends its children in order. It inherits nothing but standard input (empty), output and error (one pipe, read line by
/// line), and the read end of the *lifeline* as descriptor 3: a pipe into which nobody writes and whose end tells the
/// child that the supervisor is gone, however it died. (`PR_SET_PDEATHSIG` would fire when the *thread* that started
/// the child ends.) One for suspects has its note, too: `LoneNote`.
///
/// A signal is only ever sent to a process that has not been reaped, so it cannot hit a stranger with the same pid.
final class ChildProcesses: Sendable {
    /// Where a child finds its lifeline.
    static let lifelineDescriptor: Int32 = 3

    private let executable: String
    private let lifeline: (read: Int32, write: Int32)
    private let running = Mutex<[PoolPlan.ChildID: pid_t]>([:])
    private let onLine: @Sendable (_ name: String, pid_t, _ line: String) -> Void

    /// - Parameter onLine: called with each line that a child writes, on a thread of its own.
    init(
        executable: String, onLine: @escaping @Sendable (_ name: String, pid_t, _ line: String) -> Void
    ) throws(CommandError) {
        self.executable = executable
        self.onLine = onLine
        // What this process opens is closed in children anyway; what it inherited might not be.
        FileDescriptor.setCloseOnExecForAll(from: Self.lifelineDescriptor)
        lifeline = try Self.pipe()
    }

    deinit {
        close(lifeline.read)
        close(lifeline.write)
    }

    /// Starts a child.
    /// - Parameters:
    ///   - memoryMax: it is killed soon after it holds more; nil for no limit.
    ///   - leavesNote: it says by a ``LoneNote`` what it runs.
    ///   - onEnd: called once, on a thread of its own, after the child's last line was passed on and it was reaped.
    func start(
        _ child: PoolPlan.ChildID, name: String, arguments: [String], environment: [String: String],
        memoryMax: ByteCount? = nil, leavesNote: Bool = false, onEnd: @escaping @Sendable (ChildEnd) -> Void
    ) throws(CommandError) -> pid_t {
        let note: LoneNote? = try leavesNote ? LoneNote() : nil
        let output: (read: Int32, write: Int32)
        do throws(CommandError) {
            output = try Self.pipe()
        } catch {
            note?.close()
            throw error
        }
        // Under the lock, so that a signal to all children never misses one that is being started.
        let result = running.withLock { running -> Result<pid_t, CommandError> in
            let result = Self.spawning.withLock { _ in
                spawn(arguments: arguments, environment: environment, output: output.write, note: note)
            }
            if case .success(let pid) = result { running[child] = pid }
            return result
        }
        close(output.write)
        guard case .success(let pid) = result else {
            close(output.read)
            note?.close()
            return try result.get()
        }
        let isWatched = DetachedThread.start { [self] in
            var watch = Watch(child: child, name: name, pid: pid, memoryMax: memoryMax)
            pass(output.read, of: &watch)
            close(output.read)
            let ending = reap(child, pid)
            let loneRun = note?.read() ?? .idle
            note?.close()
            onEnd(
                ChildEnd(
                    ending, crashReport: watch.report.text,
                    memoryMax: watch.wasOverMemory && ending == .signalled(SIGKILL) ? memoryMax : nil,
                    loneRun: loneRun))
        }
        guard isWatched else {
            signal(child, SIGKILL)
            _ = reap(child, pid)
            close(output.read)
            note?.close()
            throw CommandError(.system, "no thread left to watch process \(pid)")
        }
        return pid
    }

    func signal(_ child: PoolPlan.ChildID, _ signal: Int32) {
        running.withLock { running in
            if let pid = running[child] { _ = kill(pid, signal) }
        }
    }

    func killAll() {
        running.withLock { running in
            for pid in running.values { _ = kill(pid, SIGKILL) }
        }
    }

    /// What the thread of a child knows of it.
    private struct Watch {
        let child: PoolPlan.ChildID
        let name: String
        let pid: pid_t
        let memoryMax: ByteCount?
        var report = CrashReport()
        var wasOverMemory = false
        var lastGauge = ContinuousClock.now
    }

    /// How often the memory of a child with a limit is looked at.
    private static let gaugeInterval: Duration = .milliseconds(100)

    private func gaugeMemory(_ watch: inout Watch) {
        guard let memoryMax = watch.memoryMax, !watch.wasOverMemory,
            ContinuousClock.now - watch.lastGauge >= Self.gaugeInterval
        else { return }
        watch.lastGauge = .now
        guard let bytes = MemoryGauge.bytes(of: watch.pid), bytes > memoryMax.bytes else { return }
        watch.wasOverMemory = true
        signal(watch.child, SIGKILL)
    }

    private func pass(_ lines: [String], of watch: inout Watch) {
        for line in lines {
            watch.report.append(line)
            onLine(watch.name, watch.pid, line)
        }
    }

    /// Passes on what a child writes until the pipe ends, or the child: a grandchild may hold the pipe open for ever.
    private func pass(_ output: Int32, of watch: inout Watch) {
        var splitter = LineSplitter()
        var isGone = false
        let pid = watch.pid
        let pause = watch.memoryMax == nil ? 500 : Int32(Self.gaugeInterval.milliseconds)
        while true {
            gaugeMemory(&watch)
            var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wait, 1, isGone ? 0 : pause)
            if ready > 0 {
                guard let bytes = FileDescriptor.read(output, limit: 8192) else { break }
                pass(splitter.append(bytes), of: &watch)
            } else if isGone {
                break
            } else {
                var information = siginfo_t()
                _ = waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT | WNOHANG)
                isGone = information.si_signo == SIGCHLD
            }
        }
        if let line = splitter.finish() { pass([line], of: &watch) }
    }

    /// Waits for the end of a process, and forgets it before its pid can be given to another.
    private func reap(_ child: PoolPlan.ChildID, _ pid: pid_t) -> ChildEnding {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        var status: Int32 = 0
        running.withLock { running in
            running[child] = nil
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        return ChildEnding(waitStatus: status)
    }

    private func spawn(
        arguments: [String], environment: [String: String], output: Int32, note: LoneNote?
    ) -> Result<pid_t, CommandError> {
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        posix_spawn_file_actions_adddup2(&actions, lifeline.read, Self.lifelineDescriptor)
        var environment = environment
        if let note {
            posix_spawn_file_actions_adddup2(&actions, note.descriptor, LoneNote.childDescriptor)
            environment[LoneNote.variable] = "\(LoneNote.childDescriptor)"
        }
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        // What we ignore or handle would be inherited as ignored.
        for signal in [SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)

        var pid: pid_t = 0
        let code = withCStrings([executable] + arguments) { arguments in
            withCStrings(environment.map { "\($0)=\($1)" }.sorted()) { environment in
                posix_spawn(&pid, executable, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else {
            let reason = String(cString: strerror(code))
            return .failure(CommandError(.system, "\(executable) cannot be started: \(reason)"))
        }
        return .success(pid)
    }

    /// Held while a process is started, and while a pipe is made that processes must not inherit.
    private static let spawning = Mutex(())

    /// Both ends are closed in whatever is started.
    private static func pipe() throws(CommandError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        let code = spawning.withLock { _ in
            #if canImport(Glibc)
                let code = Glibc.pipe(&ends)
            #else
                let code = Darwin.pipe(&ends)
            #endif
            if code == 0 { for end in ends { FileDescriptor.setCloseOnExec(end) } }
            return code
        }
        guard code == 0 else { throw CommandError(.system, "no pipe to a child: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }
}

/// Calls `body` with a C array of C strings.
private func withCStrings<Value>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the array holds its end at least") }
        return body(base)
    }
}
