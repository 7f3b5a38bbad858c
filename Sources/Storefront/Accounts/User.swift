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

typealias UserID = RecordID<User>
