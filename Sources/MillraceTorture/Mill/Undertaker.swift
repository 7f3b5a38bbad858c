// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Ends everything whose working folder is the torture's when the torture ends, however that ends, and removes the folder, what is
/// mounted in it, and the torture's network.
final class Undertaker {
    private let process = Process()
    private let lifeline = Pipe()

    /// The shell waits for the end of its standard input, which comes even after a SIGKILL.
    private static let script = """
        trap '' INT TERM HUP
        . "$4"
        cat >/dev/null
        for process in /proc/[0-9]*; do
            folder=$(readlink "$process/cwd" 2>/dev/null) || continue
            if [[ $folder == "$1" || $folder == "$1"/* ]]; then kill -s KILL "${process##*/}" 2>/dev/null; fi
        done
        network_close "$3"
        while read -r _ mount _; do
            if [[ $mount != "$1"/* ]]; then continue; fi
            if [[ $2 == keep ]]; then cp -a "$mount" "$mount.kept"; fi
            umount -l "$mount"
        done </proc/mounts
        if [[ $2 == remove ]]; then rm -rf "$1"; fi
        """

    /// - Parameter network: the name that the torture's namespaces begin with.
    init(of folder: URL, network: String, root: URL, keepsFolder: Bool) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "setsid", "bash", "-c", Self.script, "bash", folder.path(), keepsFolder ? "keep" : "remove", network,
            root.appending(path: "scripts/lib/network.sh").path(),
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
