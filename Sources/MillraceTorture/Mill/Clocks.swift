// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A wall clock for each process that asks for one, which can be stepped while the process runs.
///
/// A small library that is loaded into them adds an offset to what the kernel says; the offset lies in a file of the owner's name,
/// so whoever is started again under that name has the same clock.
final class Clocks: Sendable {
    private let folder: URL
    private let library: URL
    private let offsets = Mutex<[String: Int]>([:])

    /// Compiles the library.
    init(folder: URL, root: URL) async throws {
        self.folder = folder.appending(path: "clocks")
        library = self.folder.appending(path: "clock.so")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let compile = """
            for compiler in cc clang gcc; do
                if command -v "$compiler" >/dev/null; then exec "$compiler" -O2 -shared -fPIC -o "$1" "$2"; fi
            done
            exit 1
            """
        let source = root.appending(path: "scripts/lib/clock.c")
        try await shell(["bash", "-c", compile, "bash", library.path(), source.path()])
    }

    /// What a process needs to have the clock of this name.
    func environment(of name: String) throws -> [String: String] {
        let file = file(of: name)
        if !FileManager.default.fileExists(atPath: file.path()) { try write(0, to: file) }
        return ["LD_PRELOAD": library.path(), "MILLRACE_TORTURE_CLOCK": file.path()]
    }

    /// How far it is from the machine's, in seconds.
    func offset(of name: String) -> Int { offsets.withLock { $0[name] ?? 0 } }

    func set(_ name: String, to seconds: Int) throws {
        offsets.withLock { $0[name] = seconds }
        try write(seconds, to: file(of: name))
    }

    private func file(of name: String) -> URL { folder.appending(path: name) }

    /// In place: processes have mapped the file.
    private func write(_ seconds: Int, to file: URL) throws {
        let descriptor = open(file.path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CommandFailure(command: "open \(file.path())", status: errno) }
        defer { close(descriptor) }
        let count = withUnsafeBytes(of: Int64(seconds)) { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard count == 8 else { throw CommandFailure(command: "write \(file.path())", status: errno) }
    }
}
