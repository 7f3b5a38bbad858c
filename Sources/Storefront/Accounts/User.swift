// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Who has an account.
struct User: Sendable, Equatable {
    let id: UserID
    let createdAt: Timestamp
    /// Equal to no other user's, in whatever case.
    let email: String
    let name: String
}

/// A user's identity: a UUIDv7, made when the account is.
struct UserID: Hashable, Sendable, CustomStringConvertible {
    private let id: JobID

    init() {
        var generator = SystemRandomNumberGenerator()
        id = JobID(at: .now(), using: &generator)
    }

    init?(bytes: [UInt8]) {
        guard let id = JobID(bytes: bytes) else { return nil }
        self.id = id
    }

    var bytes: [UInt8] { id.bytes }

    var description: String { id.description }
}
