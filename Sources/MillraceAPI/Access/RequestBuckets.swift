// SPDX-License-Identifier: Apache-2.0

import Millrace
import Synchronization

/// Bounds the requests of each key, in this process: a bucket that fills at the key's rate and holds what comes in a second.
final class RequestBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var filledAt: ContinuousClock.Instant
    }

    private let buckets = Mutex<[APIKeyID: Bucket]>([:])
    /// For keys that have no rate of their own.
    private let requestsPerSecond: Int

    init(requestsPerSecond: Int) {
        self.requestsPerSecond = requestsPerSecond
    }

    /// Counts one request of a key.
    /// - Throws: a problem that says when to come again, for a key that has used up its bucket.
    func take(for key: APIKey, now: ContinuousClock.Instant = .now) throws(Problem) {
        let limit = max(1, key.requestsPerSecond ?? requestsPerSecond)
        let wait = buckets.withLock { buckets -> Duration? in
            // Keys come and go; those that are there begin anew, with a full bucket.
            if buckets.count >= 2 * Limits.apiKeysMax, buckets[key.id] == nil { buckets = [:] }
            var bucket = buckets[key.id] ?? Bucket(tokens: Double(limit), filledAt: now)
            let elapsed = max(0, (now - bucket.filledAt) / .seconds(1))
            bucket.tokens = min(Double(limit), bucket.tokens + elapsed * Double(limit))
            bucket.filledAt = now
            let isTaken = bucket.tokens >= 1
            if isTaken { bucket.tokens -= 1 }
            buckets[key.id] = bucket
            return isTaken ? nil : .seconds((1 - bucket.tokens) / Double(limit))
        }
        if let wait { throw .tooManyRequests(limit, wait: wait) }
    }
}
