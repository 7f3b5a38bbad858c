// SPDX-License-Identifier: Apache-2.0

import Crypto
import Millrace
import MillraceAPI

/// How often something may be tried: `burst` times at once, and then once in each `interval`.
struct AttemptLimit: Sendable {
    let burst: Int
    let interval: Duration
}

/// How often accounts may be made and passwords be tried.
///
/// Each password that is tried counts until it turns out to be right. From a device that has logged in to the account
/// before only `device` counts, so nobody else can lock its user out. From all others three limits hold at once:
/// `pair` keeps one stranger from one account, `address` one stranger from many accounts, and `account` many strangers
/// from one account. The last one may keep its owner out as well, on a new device while the account is under attack;
/// choosing another password by mail is the way in then, as it makes the device a known one.
struct AttemptLimits: Sendable {
    var pair = AttemptLimit(burst: 5, interval: .seconds(60))
    var address = AttemptLimit(burst: 100, interval: .seconds(6))
    var account = AttemptLimit(burst: 50, interval: .seconds(60))
    var device = AttemptLimit(burst: 10, interval: .seconds(30))
    /// Passwords hashed for one address, right ones and those of known devices included: what a process can hash is shared by
    /// all, so one who knows a password of his own must not take it all.
    var work = AttemptLimit(burst: 100, interval: .milliseconds(500))
    /// Accounts made from one address.
    var registration = AttemptLimit(burst: 20, interval: .seconds(60))
    /// Mails for another password asked for from one address.
    var reset = AttemptLimit(burst: 10, interval: .seconds(60))

    /// What counts when a password is tried.
    func login(_ email: EmailAddress, from address: ClientAddress?, device: SecretToken?) -> [Attempt] {
        if let device { return [Attempt("login device", device.digest, limit: self.device)] }
        let (account, address) = (Array(email.key.utf8), address?.bytes ?? [])
        return [
            Attempt("login pair", address, account, limit: pair),
            Attempt("login address", address, limit: self.address),
            Attempt("login account", account, limit: self.account),
        ]
    }

    /// What counts whatever comes of it.
    func work(from address: ClientAddress?) -> Attempt {
        Attempt("login work", address?.bytes ?? [], limit: work)
    }

    func registration(from address: ClientAddress?) -> Attempt {
        Attempt("registration", address?.bytes ?? [], limit: registration)
    }

    func reset(from address: ClientAddress?) -> Attempt {
        Attempt("reset", address?.bytes ?? [], limit: reset)
    }
}

/// One thing that was tried, and how often it may be.
struct Attempt: Sendable {
    /// What is counted, hashed, as the table of attempts has it.
    let key: [UInt8]
    let limit: AttemptLimit

    init(_ what: String, _ parts: [UInt8]..., limit: AttemptLimit) {
        var hash = SHA256()
        for part in [Array(what.utf8)] + parts {
            hash.update(data: UInt32(part.count).bigEndianBytes + part)
        }
        key = Array(hash.finalize())
        self.limit = limit
    }
}
