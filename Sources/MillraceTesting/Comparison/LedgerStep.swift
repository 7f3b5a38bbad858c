// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One step of a random program for ledgers.
///
/// All times are multiples of ten minutes, so that the seconds which a real store's own clock runs on make no difference.
enum LedgerStep: Sendable {
    struct NewEntry: Sendable {
        var job: Int
        var dueTens: Int?
        var expiresTens: Int?
        var isPoison = false
    }

    struct ClaimEntry: Sendable {
        var job: Int
        var token: UInt64
        var isForced: Bool
        var isAlone: Bool
    }

    struct OutcomeEntry: Sendable {
        var job: Int
        /// Added to the attempt that the model has.
        var attemptOffset: Int
        var ending: Outcome.Ending
        /// Brings its job along, as a first attempt does that began without a row.
        var isUnclaimed = false
    }

    struct AdoptedEntry: Sendable {
        var job: Int
        var standing: UnrecordedJob.Standing
        var token: UInt64?
        var dueTens: Int
    }

    case accept([NewEntry], key: Int?, digest: UInt8)
    case claim([ClaimEntry], process: Int)
    case adopt([AdoptedEntry], process: Int)
    case record([OutcomeEntry])
    case cancel(job: Int)
    case flagAgain(job: Int)
    case reopen(job: Int)
    case blame(process: Int, wasAlone: Bool, isCertain: Bool)
    case clearFlags([Int])
    case setPaused(Bool, queue: Int)
    case establishEpoch(queue: Int)
    case raiseEpoch(queue: Int, goesOn: Bool)
    case beginWait(queue: Int, isPresent: Bool)
    case setPoolCount(Int?, pool: Int)
    case list(JobState?, queue: Int?, kind: Int?, limit: Int)
    case maintain
    case pass(tens: Int)
    /// The step before, once more.
    case again

    static let jobCount = 20
    /// Time that one program may pass in all: ids must stay young enough to be accepted.
    static let passedTensMax = 100

    static func program(_ length: Int, using generator: inout some RandomNumberGenerator) -> [LedgerStep] {
        var passed = 0
        return (0..<length).map { _ in
            let step = random(using: &generator)
            guard case .pass(let tens) = step else { return step }
            passed += tens
            return passed > passedTensMax ? .maintain : step
        }
    }

    private static func random(using generator: inout some RandomNumberGenerator) -> LedgerStep {
        func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }
        func isOneIn(_ count: Int) -> Bool { number(1...count) == 1 }
        func several<Element>(_ limit: Int, _ make: () -> Element) -> [Element] {
            (0..<number(1...limit)).map { _ in make() }
        }
        func job() -> Int { number(0...jobCount - 1) }

        switch number(1...100) {
        case 1...3:
            return .adopt(
                several(3) {
                    AdoptedEntry(
                        job: job(), standing: [.ready, .running, .cancelled][number(0...2)],
                        token: isOneIn(2) ? UInt64(number(1...60)) : nil, dueTens: number(0...3))
                }, process: number(1...3))
        case 4...14:
            return .accept(
                several(4) {
                    NewEntry(
                        job: job(), dueTens: isOneIn(2) ? number(-1...6) : nil,
                        expiresTens: isOneIn(4) ? number(0...12) : nil, isPoison: isOneIn(25))
                }, key: isOneIn(6) ? number(0...2) : nil, digest: UInt8(number(0...1)))
        case 15...40:
            return .claim(
                several(4) {
                    ClaimEntry(job: job(), token: UInt64(number(1...60)), isForced: isOneIn(8), isAlone: isOneIn(3))
                },
                process: number(1...3))
        case 41...66:
            return .record(
                several(4) {
                    OutcomeEntry(
                        job: job(), attemptOffset: isOneIn(5) ? number(-1...1) : 0,
                        ending: ending(number(0...9), number(0...3)), isUnclaimed: isOneIn(4))
                })
        case 67...69: return .cancel(job: job())
        case 70: return .flagAgain(job: job())
        case 71...75: return .reopen(job: job())
        case 76...79: return .blame(process: number(1...3), wasAlone: isOneIn(2), isCertain: isOneIn(3))
        case 80...82: return .clearFlags(several(5, job))
        case 83...85: return .setPaused(isOneIn(3), queue: number(0...1))
        case 86:
            let queue = number(0...1)
            switch number(1...4) {
            case 1: return .establishEpoch(queue: queue)
            case 2: return .beginWait(queue: queue, isPresent: !isOneIn(4))
            default: return .raiseEpoch(queue: queue, goesOn: !isOneIn(4))
            }
        case 87: return .setPoolCount(isOneIn(3) ? nil : number(0...9), pool: number(0...1))
        case 88...89:
            return .list(
                isOneIn(2) ? JobState.allCases[number(0...6)] : nil, queue: isOneIn(2) ? number(0...1) : nil,
                kind: isOneIn(3) ? number(0...1) : nil, limit: number(1...8))
        case 90: return .maintain
        case 91...96: return .pass(tens: number(1...8))
        default: return .again
        }
    }

    private static func ending(_ choice: Int, _ tens: Int) -> Outcome.Ending {
        let delay = Duration.seconds(tens * 600)
        switch choice {
        case 0...2: return .completed(Array("{\"tens\": \(tens)}".utf8))
        case 3...5: return .retry(after: delay, error: "error after \(tens)")
        case 6: return .dead(error: "dead after \(tens)")
        case 7: return .snooze(delay)
        case 8: return .release
        default: return tens == 0 ? .completed(Array("{".utf8)) : .release
        }
    }
}
