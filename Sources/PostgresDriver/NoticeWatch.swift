// SPDX-License-Identifier: Apache-2.0

import CLibPQ

/// Hears the server's notices, which libpq would print to standard error, and keeps what they tell of the session.
final class NoticeWatch {
    private(set) var hasWarned = false
    /// The server has hung up, and said so while no statement ran.
    private(set) var hasEnded = false

    func reset() { hasWarned = false }

    /// The watch must outlive the connection.
    func attach(to connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context else { return }
                Unmanaged<NoticeWatch>.fromOpaque(context).takeUnretainedValue().hear(result)
            },
            Unmanaged.passUnretained(self).toOpaque())
    }

    private func hear(_ result: OpaquePointer?) {
        guard let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))) else { return }
        switch String(cString: severity) {
        case "WARNING": hasWarned = true
        case "FATAL", "PANIC": hasEnded = true
        default: break
        }
    }
}
