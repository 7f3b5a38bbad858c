// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One step of a random program for brokers.
///
/// Jobs, processes and leases are numbers that are taken modulo what there is when the step runs, so that a program means
/// something with any of its steps left out.
enum BrokerStep: Sendable {
    case enqueue([(job: Int, priority: Priority, delayMilliseconds: Int64, hasLastToken: Bool, isSuspect: Bool)])
    case reserve(limit: Int, process: Int, backwards: Bool, hasOldEpoch: Bool)
    case reserveSuspect(process: Int, hasOldEpoch: Bool)
    case quarantine([Int])
    case complete([Int])
    case retry([(lease: Int, delayMilliseconds: Int64)])
    case release([Int])
    case extend([Int], milliseconds: Int64, hasOldEpoch: Bool)
    case redeclare([Int], milliseconds: Int64)
    /// A lease that the broker never gave, as a worker holds it after a loss.
    case declare(job: Int, process: Int, lane: Priority, milliseconds: Int64)
    case reclaim(limit: Int)
    case releaseAll(process: Int)
    case promote(limit: Int)
    case cancel(job: Int, hasLastToken: Bool)
    case knows([Int])
    case configure(isPaused: Bool, epoch: Int64?)
    case advance(milliseconds: Int64)
    /// Reclaims every 1.5 s for a while, as a live worker does.
    case tick(times: Int, limit: Int)
    case lose
    /// The step before, once more.
    case again

    static let jobCount = 24

    static func program(_ length: Int, using generator: inout some RandomNumberGenerator) -> [BrokerStep] {
        [.configure(isPaused: false, epoch: 1)] + (0..<length).map { _ in random(using: &generator) }
    }

    private static func random(using generator: inout some RandomNumberGenerator) -> BrokerStep {
        func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }
        func isOneIn(_ count: Int) -> Bool { number(1...count) == 1 }
        func numbers(_ limit: Int) -> [Int] { (0..<number(1...limit)).map { _ in number(0...999) } }
        func lane() -> Priority { Priority.allCases[number(0...3)] }
        func milliseconds(_ choices: Int64...) -> Int64 { choices[number(0...choices.count - 1)] }

        switch number(1...100) {
        case 1...18:
            return .enqueue(
                numbers(5).map {
                    ($0, lane(), milliseconds(-1, 0, 0, 0, 1, 1000, 20_000), isOneIn(4), isOneIn(5))
                })
        case 19...22: return .reserveSuspect(process: number(0...2), hasOldEpoch: isOneIn(12))
        case 23...24: return .quarantine(numbers(3))
        case 25...38:
            return .reserve(
                limit: number(0...6), process: number(0...2), backwards: isOneIn(4), hasOldEpoch: isOneIn(12))
        case 39...46: return .complete(numbers(3))
        case 47...52: return .retry(numbers(3).map { ($0, milliseconds(0, 1, 1000, 5000, 60_000)) })
        case 53...57: return .release(numbers(3))
        case 58...63:
            return .extend(numbers(4), milliseconds: milliseconds(1, 1000, 15_000, 60_000), hasOldEpoch: isOneIn(8))
        case 64...65: return .redeclare(numbers(3), milliseconds: milliseconds(1000, 15_000))
        case 66:
            return .declare(job: number(0...999), process: number(0...2), lane: lane(), milliseconds: 15_000)
        case 67...69: return .reclaim(limit: number(0...5))
        case 70...73: return .tick(times: number(1...14), limit: number(1...5))
        case 74: return .releaseAll(process: number(0...2))
        case 75...80: return .promote(limit: number(0...5))
        case 81...86: return .cancel(job: number(0...999), hasLastToken: isOneIn(2))
        case 87: return .knows(numbers(8))
        case 88...89: return .configure(isPaused: isOneIn(3), epoch: isOneIn(2) ? Int64(number(1...2)) : nil)
        case 90...96: return .advance(milliseconds: milliseconds(1, 999, 1000, 2000, 2001, 5000, 15_000, 60_000))
        case 97: return isOneIn(6) ? .lose : .configure(isPaused: false, epoch: 1)
        default: return .again
        }
    }
}
