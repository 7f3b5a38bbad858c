// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension NewJob {
    /// A job of a Swift type, with a fresh id.
    /// - Throws: ``PayloadError`` when it cannot be encoded or is larger than ``Limits/payloadBytesMax``.
    package init<J: Job>(_ job: J, _ options: EnqueueOptions, now: Timestamp) throws(PayloadError) {
        let payload: [UInt8]
        do {
            payload = try encodedJSON(job)
        } catch {
            throw PayloadError(pointer: "", reason: "\(error)")
        }
        guard payload.count <= Limits.payloadBytesMax else {
            throw PayloadError(pointer: "", reason: "\(payload.count) bytes, at most \(Limits.payloadBytesMax)")
        }
        guard options.tags.count <= Limits.tagsMax else {
            throw PayloadError(pointer: "", reason: "\(options.tags.count) tags, at most \(Limits.tagsMax)")
        }
        var generator = SystemRandomNumberGenerator()
        self.init(
            id: JobID(at: now, using: &generator), kind: J.kind, queue: options.queue ?? J.defaults.queue,
            priority: options.priority ?? J.defaults.priority, payload: payload, dueAt: options.delay.map { now + $0 },
            expiresAt: options.expiresAt, timeout: options.timeout ?? J.defaults.timeout,
            maxAttempts: options.maxAttempts ?? J.defaults.maxAttempts, tags: options.tags, trace: options.trace,
            durability: options.durability ?? J.defaults.durability)
    }
}

extension Timestamp {
    /// This machine's clock: good enough for ids and hints, never for deciding what is due.
    package static func now() -> Timestamp {
        Timestamp(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}
