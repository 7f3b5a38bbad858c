// SPDX-License-Identifier: Apache-2.0

/// Whether a push fits into the broker's memory, as far as one process can know.
///
/// A reading of the broker's memory is a moment old, and pushes go on while it travels. So what this process has pushed counts
/// besides, from before a push is sent until a reading that was asked for after the push had ended. Other processes' pushes
/// are seen with the next reading; below the limit there is more left than they push until then.
///
///     0 ──────────── reopening ─────── closing ─ mark ─────── brim ──────── ceiling ───── limit
///         pushed at once   │  as it was   │ relay │ entrusted │  urgent only  │  never
///
/// - Below the *mark* (75 %) the relay hands over what waits in the ledger.
/// - New jobs are pushed at once until the mark is near (*closing*); from then on they wait in the ledger, behind those that
///   wait there already, until memory is well below it (*reopening*, 60 %). The relay keeps it above that for as long as
///   it has anything to hand over, so new jobs do not overtake older ones.
/// - Jobs of durability `redis` have nowhere else to wait: they are taken up to the *brim* (80 %), so that neither does the relay's
///   backlog keep them out, nor do they take what other queues' urgent jobs need.
/// - Up to the *ceiling* (90 %) a queue gets the few jobs that its workers need, however much of another queue fills the
///   memory.
/// - A hash takes up to 32 bytes for each live job at one stroke when it grows, so so much less counts everywhere.
///
/// Change together: `RoomWatch`, `RoomEstimateTests`, design "high-water mark".
package struct RoomEstimate: Sendable {
    /// Who wants room.
    package enum Level: Sendable {
        /// A submission, before it is accepted.
        case submission
        /// A submission that is to be in the broker alone.
        case entrusted
        /// What waits in the ledger.
        case backlog
        /// What a queue's workers would otherwise wait for.
        case urgent
    }

    package enum Change: Sendable, Equatable {
        case closed, opened
    }

    /// A reading that was asked for.
    package struct Inquiry: Sendable {
        fileprivate let finished: Int
    }

    /// A reading serves for so long.
    static let readingInterval: Duration = .milliseconds(250)
    /// After a reading that failed.
    static let failureInterval: Duration = .seconds(1)
    private static let unseenBytesMin = 1 << 20
    private static let growthBytesPerJob = 32

    /// The last reading.
    package private(set) var memory: BrokerMemory?
    /// All that pushes took ever, and all of those that have ended.
    private var taken = 0
    private var finished = 0
    /// `finished` when the reading was asked for, and `taken` when the last one was.
    private var finishedBefore = 0
    private var takenBefore = 0
    private var nextReading: ContinuousClock.Instant?
    private var isAsking = false
    /// When the broker refused a push last, until it was read again, or could not be for a while.
    private var refusedAt: ContinuousClock.Instant?
    /// New jobs are pushed at once.
    package private(set) var isOpen = true

    package init() {}

    /// What a push of a job adds to the broker's memory, at most: allocators round up by a quarter.
    package static func cost(payloadBytes: Int) -> Int {
        payloadBytes + payloadBytes / 4 + 320
    }

    /// A reading is due, and none is under way.
    package func isReadingDue(at now: ContinuousClock.Instant) -> Bool {
        !isAsking && (nextReading.map { now >= $0 } ?? true || isOutdated)
    }

    /// Begins a reading if one is due.
    package mutating func beginReading(at now: ContinuousClock.Instant) -> Inquiry? {
        guard isReadingDue(at: now) else { return nil }
        isAsking = true
        takenBefore = taken
        return Inquiry(finished: finished)
    }

    /// Ends a reading; nil when it failed, after which the last one stands, but no refusal of a while ago: it would stand
    /// for as long as nothing can be read.
    package mutating func endReading(
        _ inquiry: Inquiry, _ reading: BrokerMemory?, at now: ContinuousClock.Instant
    ) -> Change? {
        isAsking = false
        nextReading = now + (reading == nil ? Self.failureInterval : Self.readingInterval)
        if let reading {
            memory = reading
            finishedBefore = inquiry.finished
        } else {
            guard let refusedAt, now - refusedAt >= Self.failureInterval else { return nil }
        }
        refusedAt = nil
        return settle()
    }

    /// Bytes that may be pushed; without a limit, or a reading, all that can be.
    package func free(for level: Level) -> Int {
        if refusedAt != nil { return 0 }
        if level == .submission, !isOpen { return 0 }
        guard let memory, let limit = memory.bytesMax else { return .max }
        return max(0, Self.bound(limit, level) - occupied(memory))
    }

    /// How much of what only ``Level/urgent`` pushes may take is free, from 0 to 1.
    package var urgentShare: Double {
        guard let memory, let limit = memory.bytesMax, limit > 0 else { return 1 }
        let all = Self.bound(limit, .urgent) - Self.bound(limit, .backlog)
        return min(1, Double(free(for: .urgent)) / Double(max(1, all)))
    }

    /// Takes room for a push, if there is as much; whoever got it says when the push is over.
    ///
    /// A submission that does not fit closes for those that follow, unless it is for its own size alone.
    package mutating func take(_ bytes: Int, for level: Level) -> Bool {
        guard bytes <= free(for: level) else {
            if level == .submission, let memory, let limit = memory.bytesMax, occupied(memory) >= Self.reopening(limit)
            {
                isOpen = false
            }
            return false
        }
        taken += bytes
        return true
    }

    package mutating func finish(_ bytes: Int) {
        finished += bytes
        precondition(finished <= taken, "room is given back once")
    }

    /// The broker refused a push for want of memory.
    package mutating func noteFull(at now: ContinuousClock.Instant) -> Change? {
        refusedAt = now
        nextReading = nil
        guard isOpen else { return nil }
        isOpen = false
        return .closed
    }

    private mutating func settle() -> Change? {
        guard let memory, let limit = memory.bytesMax else { return set(isOpen: true) }
        let occupied = occupied(memory)
        if isOpen { return set(isOpen: occupied < Self.bound(limit, .backlog) - limit / 32) }
        return set(isOpen: occupied < Self.reopening(limit))
    }

    private mutating func set(isOpen new: Bool) -> Change? {
        guard new != isOpen else { return nil }
        isOpen = new
        return new ? .opened : .closed
    }

    /// So much was pushed since the last reading that it says little.
    private var isOutdated: Bool {
        guard let limit = memory?.bytesMax else { return false }
        return taken - takenBefore >= max(Self.unseenBytesMin, limit / 16)
    }

    private func occupied(_ memory: BrokerMemory) -> Int {
        memory.usedBytes + memory.liveJobs * Self.growthBytesPerJob + taken - finishedBefore
    }

    private static func reopening(_ limit: Int) -> Int { limit / 5 * 3 }

    private static func bound(_ limit: Int, _ level: Level) -> Int {
        switch level {
        case .submission, .backlog: limit / 4 * 3
        case .entrusted: limit / 5 * 4
        case .urgent: limit / 10 * 9
        }
    }
}

extension BrokerMemory {
    /// Whether new jobs are kept back, as a process sees it that has pushed nothing.
    package var isAboveMark: Bool {
        var estimate = RoomEstimate()
        guard let inquiry = estimate.beginReading(at: .now) else { return false }
        return estimate.endReading(inquiry, self, at: .now) == .closed
    }
}
