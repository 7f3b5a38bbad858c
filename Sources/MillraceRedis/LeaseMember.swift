// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A lease as Redis keeps it: id (16 bytes) ‖ token (17 bytes).
enum LeaseMember {
    static let byteCount = 33

    static func bytes(of lease: Lease) -> [UInt8] {
        var bytes = lease.id.bytes
        bytes.reserveCapacity(byteCount)
        bytes += lease.token.bytes
        return bytes
    }

    /// nil for bytes that are no lease.
    static func lease(_ bytes: [UInt8], in queue: QueueName) -> Lease? {
        guard bytes.count == byteCount, let id = JobID(bytes: bytes[..<16]), let token = LeaseToken(bytes: bytes[16...])
        else { return nil }
        return Lease(id: id, queue: queue, token: token)
    }
}
