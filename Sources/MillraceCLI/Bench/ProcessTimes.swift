// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// CPU seconds of processes of this machine.
enum ProcessTimes {
    /// Of this process, all its threads.
    static var own: Double {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A line of `/proc/PID/stat`.
    struct Status: Equatable {
        var parent: Int32
        var name: String
        /// Of the process itself.
        var ticks: Int
        /// Of its children that have ended and were waited for.
        var childTicks: Int

        /// nil when it is none.
        init?(_ line: String) {
            // The name stands in parentheses and may hold blanks and parentheses itself.
            guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close else {
                return nil
            }
            let fields = line[line.index(after: close)...].split(separator: " ")
            guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
            let times = fields[11...14].compactMap { Int($0) }
            guard times.count == 4 else { return nil }
            self.parent = parent
            name = String(line[line.index(after: open)..<close])
            ticks = times[0] + times[1]
            childTicks = times[2] + times[3]
        }
    }

    static func status(of process: Int32) -> Status? {
        let descriptor = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return FileDescriptor.read(descriptor, limit: 4096).flatMap { Status(String(decoding: $0, as: UTF8.self)) }
    }

    /// Of a process and its children, ended ones included; nil when it cannot be read.
    static func family(of process: Int32) -> Double? {
        guard let head = status(of: process), let processes = processes() else { return nil }
        let children = processes.compactMap(status(of:)).filter { $0.parent == process }
        let ticks = children.reduce(head.ticks + head.childTicks) { $0 + $1.ticks + $1.childTicks }
        let ticksPerSecond = sysconf(Int32(_SC_CLK_TCK))
        return ticksPerSecond > 0 ? Double(ticks) / Double(ticksPerSecond) : nil
    }

    /// Those that are there now; they may end at any time.
    private static func processes() -> [Int32]? {
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        var numbers: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { numbers.append(number) }
        }
        return numbers
    }
}
