// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Reads the jobs of a batch, from a JSON array or from lines of JSON.
struct BatchReader {
    /// How the jobs are laid out in the body.
    enum Layout {
        case array, lines

        /// nil for a type that says neither.
        init?(mediaType: String?) {
            switch mediaType {
            case "application/json": self = .array
            case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
                self = .lines
            default: return nil
            }
        }
    }

    /// Jobs between two of which others may have their turn.
    private static let turn = 256

    let reader: JobRequestReader

    /// All jobs, or a problem that names what is wrong with any of them.
    func read(_ bytes: [UInt8], _ layout: Layout) async throws(Problem) -> [NewJob] {
        switch layout {
        case .array: try await readArray(bytes)
        case .lines: try await readLines(bytes)
        }
    }

    private func readArray(_ bytes: [UInt8]) async throws(Problem) -> [NewJob] {
        let text: JSONText
        do throws(JSONError) {
            text = try JSONText(checking: bytes, nestingMax: Limits.nestingMax + 2)
        } catch {
            throw Problem(.malformedJSON, Faults(Fault(error.pointer, error.told)))
        }
        guard text.root.kind == .array else {
            throw Problem(
                .invalidField, Faults(Fault("", "a batch is an array of jobs, not \(text.root.kind.withArticle)")))
        }
        let elements = text.elements(of: text.root)
        var batch = try Batch(count: elements.count)
        for (index, element) in elements.enumerated() {
            batch.add(index, line: nil) { reader.read(element, in: text, &$0) }
            if index % Self.turn == Self.turn - 1 { await Task.yield() }
        }
        return try batch.jobs()
    }

    private func readLines(_ bytes: [UInt8]) async throws(Problem) -> [NewJob] {
        let lines = Self.lines(of: bytes)
        var batch = try Batch(count: lines.count)
        for (index, line) in lines.enumerated() {
            let text: JSONText
            do throws(JSONError) {
                text = try JSONText(checking: bytes, in: line.range, nestingMax: Limits.nestingMax + 1)
            } catch {
                var fault = Fault("/\(index)\(error.pointer)", "line \(line.number): \(error.told)")
                fault.line = line.number
                throw Problem(.malformedJSON, Faults(fault))
            }
            batch.add(index, line: line.number) { reader.read(text.root, in: text, &$0) }
            if index % Self.turn == Self.turn - 1 { await Task.yield() }
        }
        return try batch.jobs()
    }

    /// The lines that are not blank, counted from 1 with those that are. One more than a batch may hold is enough to
    /// refuse it.
    private static func lines(of bytes: [UInt8]) -> [(number: Int, range: Range<Int>)] {
        var lines: [(number: Int, range: Range<Int>)] = []
        var start = 0
        var number = 1
        while start < bytes.count, lines.count <= Limits.batchJobsMax {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let isBlank = bytes[start..<end].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if !isBlank { lines.append((number, start..<end)) }
            number += 1
            start = end + 1
        }
        return lines
    }
}

/// Gathers the jobs of a batch, or the faults of all of them.
private struct Batch {
    private var accepted: [NewJob] = []
    private var faults = Faults()

    init(count: Int) throws(Problem) {
        guard count > 0 else { throw Problem(.invalidField, Faults(Fault("", "a batch has at least one job"))) }
        guard count <= Limits.batchJobsMax else {
            let seen = count == Limits.batchJobsMax + 1 ? "over \(Limits.batchJobsMax)" : "\(count)"
            throw Problem(.invalidField, Faults(Fault("", "\(seen) jobs, a batch has at most \(Limits.batchJobsMax)")))
        }
        accepted.reserveCapacity(count)
    }

    mutating func add(_ index: Int, line: Int?, _ read: (inout Faults) -> NewJob?) {
        faults.base = ("/\(index)", line)
        if let job = read(&faults), faults.isEmpty { accepted.append(job) }
    }

    func jobs() throws(Problem) -> [NewJob] {
        guard faults.isEmpty else { throw Problem(.invalidField, faults) }
        return accepted
    }
}

extension JSONError {
    /// The place within the text is told by the pointer beside it.
    var told: String { "\(reason) (byte \(offset))" }
}
