// SPDX-License-Identifier: Apache-2.0

import Millrace

extension JSONWriter {
    /// A user as the API shows it.
    mutating func user(_ user: User) {
        object { json in
            json.member("id", "\(user.id)")
            json.member("email", user.email)
            json.member("name", user.name)
            json.member("created_at", user.createdAt.rfc3339)
        }
    }
}
