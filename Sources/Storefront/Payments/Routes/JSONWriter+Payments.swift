// SPDX-License-Identifier: Apache-2.0

import Millrace

extension JSONWriter {
    /// Minor units for programs, the same as a decimal for people.
    mutating func members(of amount: Money) {
        member("amount", Int(amount.minorUnits))
        member("currency", amount.currency.code)
        member("decimal", amount.decimal)
    }

    /// What is at an address.
    mutating func link(_ name: String, _ id: String, _ url: String) {
        member(name) { json in
            json.object { json in
                json.member("id", id)
                json.member("url", url)
            }
        }
    }
}
