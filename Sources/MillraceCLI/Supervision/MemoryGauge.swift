// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How much memory a process holds: what no other could use, in memory or swapped out. Pages of its program's file do not count.
enum MemoryGauge {
    #if os(Linux)
        static let isSupported = true
    #else
        static let isSupported = false
    #endif

    /// nil for a process that has ended, or where the system does not say.
    static func bytes(of pid: pid_t) -> Int? {
        let descriptor = open("/proc/\(pid)/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let text = FileDescriptor.read(descriptor, limit: 8192) else { return nil }
        return bytes(inStatus: String(decoding: text, as: UTF8.self))
    }

    /// Adds up the lines that count of `/proc/PID/status`; nil when there is none.
    static func bytes(inStatus text: String) -> Int? {
        var sum: Int?
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == ":" || $0 == " " || $0 == "\t" }
            guard words.count >= 2, ["RssAnon", "RssShmem", "VmSwap"].contains(words[0]), let kibibytes = Int(words[1])
            else { continue }
            sum = (sum ?? 0) + kibibytes * 1024
        }
        return sum
    }
}
