// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Ends everything whose working folder is the torture's when the torture ends, however that ends, and removes the folder.
final class Undertaker {
    private let process = Process()
    private let lifeline = Pipe()

    /// The shell waits for the end of its standard input, which comes even after a SIGKILL.
    private static let script = """
        trap '' INT TERM HUP
        cat >/dev/null
        for process in /proc/[0-9]*; do
            folder=$(readlink "$process/cwd" 2>/dev/null) || continue
            if [[ $folder == "$1" || $folder == "$1"/* ]]; then kill -s KILL "${process##*/}" 2>/dev/null; fi
        done
        if [[ $2 == remove ]]; then rm -rf "$1"; fi
        """

    init(of folder: URL, keepsFolder: Bool) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "setsid", "bash", "-c", Self.script, "bash", folder.path(), keepsFolder ? "keep" : "remove",
        ]
        process.standardInput = lifeline
        process.currentDirectoryURL = URL(filePath: "/")
        // Else every process that is started from here would hold it open.
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.runWithAllSignals()
    }

    func bury() {
        try? lifeline.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
