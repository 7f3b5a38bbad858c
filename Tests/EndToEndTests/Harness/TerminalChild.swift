// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A process on a pseudo-terminal of its own, which is its controlling one: keys, sizes and signals are as in real life.
final class TerminalChild: Sendable {
    let pid: pid_t
    private let master: Int32
    private let received = Mutex<(bytes: [UInt8], screen: TerminalScreen)>(([], TerminalScreen(columns: 1, rows: 1)))
    private let status = Mutex<Int32?>(nil)

    struct Failure: Error {
        let call: String
        let code: Int32
    }

    init(_ arguments: [String], environment: [String: String], columns: Int, rows: Int) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // As grantpt, unlockpt and ptsname do, which Glibc's module does not offer.
        var (unlocked, number) = (Int32(0), Int32(0))
        guard master >= 0, ioctl(master, 0x4004_5431, &unlocked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Failure(call: "/dev/ptmx", code: errno)
        }
        let slave = "/dev/pts/\(number)"
        pid = try Self.spawn(
            arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }, on: slave,
            size: Self.winsize(columns, rows), master: master)
        received.withLock { $0.screen = TerminalScreen(columns: columns, rows: rows) }
        Thread.detachNewThread { [self] in receive() }
    }

    deinit {
        if status.withLock({ $0 }) == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
        close(master)
    }

    /// All that it ever wrote.
    var output: String { received.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    /// What a person would see now.
    var screen: TerminalScreen { received.withLock { $0.screen } }

    /// Whether it echoes and waits for whole lines, as a shell expects it.
    var isCooked: Bool {
        var mode = termios()
        return tcgetattr(master, &mode) == 0 && mode.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    func type(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = write(master, bytes, bytes.count)
    }

    func resize(columns: Int, rows: Int) {
        received.withLock { $0.screen = TerminalScreen(columns: columns, rows: rows) }
        var size = Self.winsize(columns, rows)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    func signal(_ signal: Int32) {
        kill(pid, signal)
    }

    /// Waits for its end; its exit code, or minus the signal that ended it. nil when it still runs at the deadline.
    func exitCode(within seconds: Double) async -> Int32? {
        _ = await eventually(within: .seconds(seconds)) { self.reap() != nil }
        // What it wrote last may still be on its way.
        _ = await eventually(within: .seconds(2)) { self.output.hasSuffix(TerminalScreen.leave) }
        return reap().map { $0 & 0x7F == 0 ? $0 >> 8 & 0xFF : -($0 & 0x7F) }
    }

    func shows(_ text: String, within seconds: Double = 20) async -> Bool {
        await eventually(within: .seconds(seconds)) { self.screen.lines.contains { $0.contains(text) } }
    }

    private func reap() -> Int32? {
        status.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid { known = status }
            return known
        }
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(master, &buffer, buffer.count)
            // EIO when the other end is closed.
            if count <= 0 { return }
            let bytes = Array(buffer[..<count])
            received.withLock { received in
                received.bytes += bytes
                received.screen.feed(bytes)
            }
        }
    }

    private static func winsize(_ columns: Int, _ rows: Int) -> Foundation.winsize {
        Foundation.winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    }

    /// A leader of a session without a terminal gets the first that it opens as its controlling one.
    private static func spawn(
        _ arguments: [String], environment: [String: String], on slave: String, size: Foundation.winsize, master: Int32
    ) throws -> pid_t {
        var size = size
        // The size is kept by the terminal, not by who opens it.
        guard ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure(call: "TIOCSWINSZ", code: errno) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, slave, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let newSession = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(newSession | Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF)))
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw Failure(call: "posix_spawn", code: code) }
        return pid
    }
}
