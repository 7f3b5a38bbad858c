// SPDX-License-Identifier: Apache-2.0

/// The limits of accounts, in one place.
enum AccountLimits {
    /// Bytes of a request's body.
    static let bodyBytesMax = 16 * 1024

    /// Characters of a password, as Unicode counts them (scalars of normal form C).
    static let passwordLengthMin = 12
    /// Bytes of a password in UTF-8: room for 64 characters of any script, and for a passphrase.
    static let passwordBytesMax = 1024
    static let nameBytesMax = 200

    /// How long a session lasts, however much it is used.
    static let sessionLife: Duration = .seconds(12 * 3600)
    /// How long a session may go unused.
    static let sessionIdle: Duration = .seconds(30 * 60)
    /// How exactly it is noted when a session was used, so that few requests write.
    static let sessionExactness: Duration = .seconds(60)
    /// Of one user; a further one ends the one that was used longest ago.
    static let sessionsMax = 20

    /// How long a device is remembered that does not log in again.
    static let deviceLife: Duration = .seconds(90 * 86_400)
    /// Of one user; a further one makes forget the one that was used longest ago.
    static let devicesMax = 20

    /// How long a token for another password is good.
    static let resetLife: Duration = .seconds(30 * 60)
    /// Good tokens of one user; while there are as many no more mails are sent.
    static let resetsMax = 3

    /// Passwords hashed at a time in one process, each in 19 MiB.
    static let hashesMax = 2
    /// Passwords that may wait for being hashed in one process, about a second.
    static let hashWaitersMax = 64
}
