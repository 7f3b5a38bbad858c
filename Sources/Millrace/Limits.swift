// SPDX-License-Identifier: Apache-2.0

/// Every limit and default of Millrace, in one place; `millrace doctor` shows them.
///
/// A limit that a request runs into is answered with its name and value, so that nobody has to look here to understand a
/// refusal.
public enum Limits {
    /// Bytes of a job's payload or result, as JSON text.
    public static let payloadBytesMax = 256 * 1024
    /// Levels of arrays and objects within one another in a payload.
    public static let nestingMax = 64
    /// Jobs in one batch submission.
    public static let batchJobsMax = 10_000
    /// Bytes of one batch submission's body.
    public static let batchBytesMax = 32 * 1024 * 1024
    /// Characters of a queue's or kind's name, out of `[a-z0-9._-]`.
    public static let nameBytesMax = 64
    /// Bytes of an `Idempotency-Key` or of a job's key.
    public static let keyBytesMax = 128
    /// Tags of one job.
    public static let tagsMax = 16
    /// Bytes of one tag.
    public static let tagBytesMax = 64
    /// How far ahead a job may be scheduled.
    public static let scheduleAheadMax: Duration = .seconds(365 * 86_400)
    /// Bytes kept of one error.
    public static let errorBytesMax = 4096
    /// Errors kept of one job: the first, and the last nine.
    public static let errorsMax = 10
    /// Steps that a job remembers.
    public static let stepsMax = 100
    /// Bytes of one step's result.
    public static let stepBytesMax = 16 * 1024
    /// Failures after which a job is dead.
    public static let maxAttempts = 20
    /// The largest `max_attempts` that a job may ask for.
    public static let maxAttemptsMax = 1000
    /// How long a handler may run.
    public static let timeout: Duration = .seconds(600)
    /// The longest time-out that a job may ask for.
    public static let timeoutMax: Duration = .seconds(86_400)
    /// The first delay of the backoff, before jitter; it doubles with each failure.
    public static let backoffBase: Duration = .seconds(2)
    /// The largest delay of the backoff.
    public static let backoffMax: Duration = .seconds(3600)
    /// How long a finished job is remembered.
    public static let retention: Duration = .seconds(7 * 86_400)
    /// How long an `Idempotency-Key` is remembered for a caller.
    public static let idempotencyRetention: Duration = .seconds(86_400)
    /// Keys of the HTTP API, with those that have ended and are not forgotten yet.
    public static let apiKeysMax = 10_000
    /// How long a key of the API is listed after it has expired or was revoked.
    public static let apiKeyRetention: Duration = .seconds(7 * 86_400)
    /// Bytes of an API key's name.
    public static let apiKeyNameBytesMax = 64
    /// The right to run a job without a word from its worker; extended every third of it.
    public static let lease: Duration = .seconds(15)
    /// Jobs due later than this stay in the ledger until they come near.
    public static let pushAheadMax: Duration = .seconds(600)
    /// Jobs of durability `redis` that are due later than this are taken as `postgres`.
    public static let redisAheadMax: Duration = .seconds(86_400)
    /// Ids, leases or jobs in one call of a store.
    public static let storeBatchMax = 500
    /// Jobs that wait to be pushed, counted at a time over all queues; of more a queue is said to have at least so many. All
    /// queues that have any share them alike, with a hundred each at least.
    public static let flaggedCountedMax = 100_000
    /// How far an id's own time may lie behind and ahead of the ledger's clock.
    public static let idBehindMax: Duration = .seconds(86_400)
    public static let idAheadMax: Duration = .seconds(300)
    /// Lost leases and killed processes by which a job does not become a suspect, that is run alone.
    public static let unexplainedCrashesMax = 1
    /// Lone runs of a job that end with their process, by an exit or since it ignores its time-out, by which it is dead.
    public static let loneRunsMax = 3
}
