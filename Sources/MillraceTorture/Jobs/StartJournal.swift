// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace

/// Every start of a handler, as a line in a file of its own process: it outlives the process and needs no store.
final class StartJournal: Sendable {
    static let folderVariable = "MILLRACE_TORTURE_STARTS"
    private let descriptor: Int32

    /// In a process that was told no folder it notes nothing.
    init() {
        guard let folder = ProcessInfo.processInfo.environment[Self.folderVariable] else {
            descriptor = -1
            return
        }
        descriptor = open("\(folder)/\(getpid())", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    }

    /// - Parameter serial: the client's number for it; nil when no client submitted it.
    func note(_ context: JobContext, serial: Int?) {
        guard descriptor >= 0 else { return }
        // One call, so that no line is torn by another thread's or by a kill.
        let line = Array("\(context.id)\t\(context.attempt)\t\(serial.map { "\($0)" } ?? "\\N")\n".utf8)
        _ = write(descriptor, line, line.count)
    }
}
