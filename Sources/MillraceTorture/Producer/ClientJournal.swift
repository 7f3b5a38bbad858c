// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// What a client asked for and was answered, line by line, written before and after each request, so that it is true also of a
/// client that was killed.
final class ClientJournal: Sendable {
    enum Entry: Sendable, Equatable {
        /// About to be asked for the first time.
        case invoked(first: Int, count: Int)
        /// The same, once and for all, of jobs of durability `redis`; at this time (µs since 1970).
        case entrusted(first: Int, count: Int, at: Int)
        case accepted(first: Int, ids: [String])
        case refused(first: Int, count: Int, status: Int)
        /// Given up without an answer: it may have been accepted.
        case unknown(first: Int, count: Int)
        /// Asked again after it was accepted: whether the answer was the same.
        case repeated(first: Int, isSame: Bool)
        /// 0 = no answer.
        case cancelled(id: String, status: Int)
        /// An operator's, of a job that had ended; 0 = about to be asked.
        case retried(id: String, status: Int)
        /// Between these times of the ledger's clock (µs since 1970) the queue was paused, as the answers said.
        case paused(queue: String, from: Int, to: Int)
    }

    private let descriptor: Mutex<Int32>

    init(_ path: String) {
        descriptor = Mutex(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644))
    }

    func note(_ entry: Entry) {
        let words: [String] =
            switch entry {
            case .invoked(let first, let count): ["i", "\(first)", "\(count)"]
            case .entrusted(let first, let count, let at): ["e", "\(first)", "\(count)", "\(at)"]
            case .accepted(let first, let ids): ["a", "\(first)"] + ids
            case .refused(let first, let count, let status): ["r", "\(first)", "\(count)", "\(status)"]
            case .unknown(let first, let count): ["u", "\(first)", "\(count)"]
            case .repeated(let first, let isSame): ["s", "\(first)", isSame ? "1" : "0"]
            case .cancelled(let id, let status): ["c", id, "\(status)"]
            case .retried(let id, let status): ["t", id, "\(status)"]
            case .paused(let queue, let from, let to): ["p", queue, "\(from)", "\(to)"]
            }
        let line = Array((words.joined(separator: " ") + "\n").utf8)
        descriptor.withLock { _ = write($0, line, line.count) }
    }

    static func read(_ path: String) -> [Entry] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            let numbers = words.dropFirst().map { Int($0) ?? 0 }
            switch words.first {
            case "i" where numbers.count == 2: return .invoked(first: numbers[0], count: numbers[1])
            case "e" where numbers.count == 3:
                return .entrusted(first: numbers[0], count: numbers[1], at: numbers[2])
            case "a" where words.count > 2: return .accepted(first: numbers[0], ids: Array(words.dropFirst(2)))
            case "r" where numbers.count == 3:
                return .refused(first: numbers[0], count: numbers[1], status: numbers[2])
            case "u" where numbers.count == 2: return .unknown(first: numbers[0], count: numbers[1])
            case "s" where numbers.count == 2: return .repeated(first: numbers[0], isSame: numbers[1] == 1)
            case "c" where words.count == 3: return .cancelled(id: words[1], status: numbers[1])
            case "t" where words.count == 3: return .retried(id: words[1], status: numbers[1])
            case "p" where words.count == 4: return .paused(queue: words[1], from: numbers[1], to: numbers[2])
            default: return nil
            }
        }
    }
}
