// SPDX-License-Identifier: Apache-2.0

/// A broker that knows one job: the rules of `MemoryQueue` in eight bytes.
struct ModelBroker: Hashable {
    enum Envelope: UInt8 {
        case none, full
        /// Cancelled; its entry is still to be met.
        case empty
    }

    var envelope = Envelope.none
    /// It is the only copy of a job, and was never reserved.
    var isFresh = false
    /// Entries in the lane: one, or two after a fault.
    var entries: UInt8 = 0
    /// Entries in the suspects' lane.
    var suspects: UInt8 = 0
    var isScheduled = false
    /// Tokens, the greater first; two after a fault.
    var leases: (UInt8, UInt8) = (0, 0)
    /// The epoch is the ledger's.
    var isCurrent = true
    /// Reservations so far: counted where they number the attempts.
    var reservations: UInt8 = 0

    var isAbsent: Bool { envelope == .none && entries == 0 && suspects == 0 && !isScheduled && leases == (0, 0) }

    func holds(_ token: UInt8) -> Bool { token != 0 && (leases.0 == token || leases.1 == token) }

    /// False when it is busy.
    mutating func enqueue(lastToken: UInt8, isDueLater: Bool, isSuspect: Bool, answersBusy: Bool) -> Bool {
        let isLeased = envelope == .full && leases != (0, 0)
        if answersBusy, envelope == .empty || isLeased || holds(lastToken) { return false }
        // What is ready does not wait for a time of before.
        guard envelope == .none || isScheduled && !isDueLater else { return true }
        if envelope == .none { (envelope, isFresh) = (.full, false) }
        isScheduled = false
        if isDueLater { isScheduled = true } else if isSuspect { suspects += 1 } else { entries += 1 }
        return true
    }

    /// False when the entry was that of a cancelled job, or of none.
    mutating func reserve(_ token: UInt8, isCounted: Bool) -> Bool {
        entries -= 1
        guard envelope == .full else {
            forget()
            return false
        }
        leases = leases.0 == 0 ? (token, 0) : (max(token, leases.0), min(token, leases.0))
        if isCounted { reservations = min(reservations + 1, 9) }
        return true
    }

    /// As `reserve`, out of the suspects' lane.
    mutating func reserveSuspect(_ token: UInt8, isCounted: Bool) -> Bool {
        suspects -= 1
        entries += 1
        return reserve(token, isCounted: isCounted)
    }

    mutating func quarantine(_ token: UInt8) {
        guard end(token) else { return }
        if envelope == .full { suspects += 1 } else { forget() }
    }

    mutating func complete(_ token: UInt8) {
        if end(token) { forget() }
    }

    mutating func retry(_ token: UInt8) {
        guard end(token) else { return }
        if envelope == .full { isScheduled = true } else { forget() }
    }

    mutating func release(_ token: UInt8) {
        guard end(token) else { return }
        if envelope == .full { entries += 1 } else { forget() }
    }

    mutating func redeclare(_ token: UInt8) {
        guard envelope == .none else { return }
        envelope = .full
        isFresh = false
        leases = leases.0 == 0 ? (token, 0) : (max(token, leases.0), min(token, leases.0))
    }

    mutating func promote() {
        isScheduled = false
        entries += 1
    }

    /// - Parameter sparesOthers: leaves a lease under another token alone.
    mutating func cancel(_ token: UInt8, sparesOthers: Bool) {
        guard envelope != .none else { return }
        let wasLeased = end(token)
        if sparesOthers, leases != (0, 0) { return }
        let wasFree = isScheduled || suspects > 0
        isScheduled = false
        suspects = 0
        isFresh = false
        envelope = wasLeased || wasFree ? .none : .empty
    }

    private mutating func forget() {
        envelope = .none
        isFresh = false
    }

    private mutating func end(_ token: UInt8) -> Bool {
        guard holds(token) else { return false }
        leases = leases.0 == token ? (leases.1, 0) : (leases.0, 0)
        return true
    }

    static func == (left: ModelBroker, right: ModelBroker) -> Bool {
        left.envelope == right.envelope && left.isFresh == right.isFresh && left.entries == right.entries
            && left.suspects == right.suspects && left.isScheduled == right.isScheduled
            && left.leases == right.leases && left.isCurrent == right.isCurrent
            && left.reservations == right.reservations
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(envelope)
        hasher.combine(isFresh)
        hasher.combine(entries)
        hasher.combine(suspects)
        hasher.combine(isScheduled)
        hasher.combine(leases.0)
        hasher.combine(leases.1)
        hasher.combine(isCurrent)
        hasher.combine(reservations)
    }
}
