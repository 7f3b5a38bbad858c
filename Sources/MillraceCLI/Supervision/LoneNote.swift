// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceWorker

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a process for suspects leaves word for its supervisor of what it is doing: `LoneRun`.
///
/// A file without a name, which both have open: 17 bytes at its beginning, written over each time. What was written stands
/// however the writer ends, at once, and nobody has to read it before. (A pipe would have to be emptied; a store may be away.)
struct LoneNote: Sendable {
    /// Names the descriptor that the note has in a child.
    static let variable = "MILLRACE_LONE_NOTE"
    /// Where a child finds its note.
    static let childDescriptor: Int32 = 4
    private static let byteCount = 17

    let descriptor: Int32

    /// A fresh one, which is no child's yet; whoever made it closes it.
    init() throws(CommandError) {
        let path = "\(Self.folder)/millrace-\(String(UInt64.random(in: 0...(.max)), radix: 16))"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure }
        unlink(path)
        // Out of the way of the descriptors that children are given.
        descriptor = fcntl(file, F_DUPFD_CLOEXEC, 16)
        FileDescriptor.close(file)
        guard descriptor >= 0 else { throw Self.failure }
        // Its room is taken now: a disk that is full later is no matter.
        write(.idle)
    }

    /// The one that the supervisor gave to this process; nil when there is none. Processes that handlers start do not inherit it.
    init?(_ environment: [String: String]) {
        guard let text = environment[Self.variable], let descriptor = Int32(text), descriptor > STDERR_FILENO,
            Self.isFile(descriptor)
        else { return nil }
        FileDescriptor.setCloseOnExec(descriptor)
        self.descriptor = descriptor
    }

    func write(_ run: LoneRun) {
        let bytes = Self.bytes(of: run)
        var count: Int
        repeat { count = pwrite(descriptor, bytes, bytes.count, 0) } while count < 0 && errno == EINTR
    }

    /// What was written last.
    func read() -> LoneRun {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var count: Int
        repeat { count = pread(descriptor, &bytes, bytes.count, 0) } while count < 0 && errno == EINTR
        guard count == Self.byteCount, let id = JobID(bytes: bytes.dropFirst()) else { return .idle }
        return switch bytes[0] {
        case 1: .running(id)
        case 2: .stuck(id)
        case 3: .stopping(id)
        default: .idle
        }
    }

    /// Whoever made it calls this once, when nobody reads it any more.
    func close() {
        FileDescriptor.close(descriptor)
    }

    private static func bytes(of run: LoneRun) -> [UInt8] {
        switch run {
        case .idle: [UInt8](repeating: 0, count: byteCount)
        case .running(let id): [1] + id.bytes
        case .stuck(let id): [2] + id.bytes
        case .stopping(let id): [3] + id.bytes
        }
    }

    private static var folder: String {
        guard let folder = getenv("TMPDIR"), folder.pointee != 0 else { return "/tmp" }
        return String(cString: folder)
    }

    private static func isFile(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static var failure: CommandError {
        CommandError(.system, "no file in \(folder) for a process's note: \(String(cString: strerror(errno)))")
    }
}
