// SPDX-License-Identifier: Apache-2.0

/// Turns callers away at once while a store does not answer, except for one at a time that tries.
///
/// A server that is frozen or cut off costs every caller its whole deadline; refused connections do not, so the pool's own
/// backoff does not see such an outage. It begins with a call that failed while none that began later or ended meanwhile
/// succeeded: one that was merely too slow among others that were not is no outage. It ends with the first success.
struct OutageGate: Sendable {
    /// A caller that was let in, to be given back at its end.
    struct Pass: Sendable {
        fileprivate let number: UInt64
    }

    private var isAway = false
    /// The number of the caller that tries.
    private var trial: UInt64?
    private var lastNumber: UInt64 = 0
    /// The last number given out when a call was answered last.
    private var lastSuccess: UInt64 = 0

    /// Nil where the caller is turned away.
    mutating func enter() -> Pass? {
        if isAway, trial != nil { return nil }
        lastNumber += 1
        trial = isAway ? lastNumber : nil
        return Pass(number: lastNumber)
    }

    /// A pass that is given back twice counts once.
    mutating func leave(_ pass: Pass, _ sight: Sight) {
        if trial == pass.number { trial = nil }
        switch sight {
        case .answered:
            lastSuccess = lastNumber
            isAway = false
        case .silent:
            if pass.number > lastSuccess { isAway = true }
        case .unasked: break
        }
    }

    /// What a call saw of the store.
    enum Sight {
        case answered
        case silent
        case unasked
    }
}
