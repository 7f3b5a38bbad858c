// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the clients were answered and what was started, brought into the database, so that it can be compared with the ledger there.
struct Evidence: Sendable {
    private(set) var submitted = 0
    private(set) var accepted = 0
    private(set) var refused = 0
    /// Batches that were accepted, asked for again, and answered differently.
    private(set) var changedAnswers = 0
    private(set) var repeatedRequests = 0
    private(set) var retries = 0
    private(set) var pauses = 0
    /// Accepted, and entrusted to Redis.
    private(set) var entrusted = 0
    private let folder: URL

    /// Lines of the tables that are made of the journals.
    private struct Lines {
        var invoked: [Int: Int] = [:]
        /// When the batches of durability `redis` were.
        var entrusted: [Int: Int] = [:]
        var refusals: Set<Int> = []
        var ids: [String] = []
        var cancels: [String: Int] = [:]
        /// How often it was asked for, and how often granted.
        var retries: [String: (asked: Int, granted: Int)] = [:]
        var pauses: [String] = []
    }

    /// Reads the journals and writes what was learnt as tables.
    init(folder: URL, faults: [Nemesis.Done]) throws {
        self.folder = folder
        var lines = Lines()
        let journals = folder.appending(path: "journals")
        for name in try FileManager.default.contentsOfDirectory(atPath: journals.path()) {
            for entry in ClientJournal.read(journals.appending(path: name).path()) { read(entry, &lines) }
        }
        let excuses =
            faults.filter(\.mayHaveTakenData).map { "t\t\($0.until)\n" }
            + (try PushedAgain.times(in: folder.appending(path: "logs"))).map { "f\t\($0)\n" }
        submitted = lines.invoked.values.reduce(0, +)
        accepted = lines.ids.count
        retries = lines.retries.values.reduce(0) { $0 + $1.granted }
        pauses = lines.pauses.count
        let serials = lines.invoked.flatMap { first, count in
            let rest =
                "\(lines.refusals.contains(first) ? "t" : "f")\t\(lines.entrusted[first].map { "\($0)" } ?? "\\N")\n"
            return (first..<(first + count)).map { "\($0)\t\(rest)" }
        }
        for (name, text) in [
            ("accepted", lines.ids), ("serials", serials), ("pauses", lines.pauses), ("excuses", excuses),
            ("cancels", lines.cancels.map { "\($0.key)\t\($0.value)\n" }),
            ("retries", lines.retries.map { "\($0.key)\t\($0.value.asked)\t\($0.value.granted)\n" }),
        ] {
            try Data(text.joined().utf8).write(to: folder.appending(path: "\(name).tsv"))
        }
    }

    private mutating func read(_ entry: ClientJournal.Entry, _ lines: inout Lines) {
        switch entry {
        case .invoked(let first, let count): lines.invoked[first] = count
        case .entrusted(let first, let count, let time):
            lines.invoked[first] = count
            lines.entrusted[first] = time
        case .accepted(let first, let answered):
            if lines.entrusted[first] != nil { entrusted += answered.count }
            for (index, id) in answered.enumerated() { lines.ids.append("\(id)\t\(first + index)\n") }
        case .refused(let first, let count, _):
            lines.refusals.insert(first)
            refused += count
        case .repeated(_, let isSame):
            repeatedRequests += 1
            if !isSame { changedAnswers += 1 }
        case .cancelled(let id, let status): lines.cancels[id] = max(lines.cancels[id] ?? 0, status)
        case .retried(let id, let status):
            lines.retries[id, default: (0, 0)].asked += status == 0 ? 1 : 0
            lines.retries[id, default: (0, 0)].granted += status == 202 ? 1 : 0
        case .paused(let queue, let from, let to): lines.pauses.append("\(queue)\t\(from)\t\(to)\n")
        case .unknown: break
        }
    }

    func load(into stores: Stores) async throws {
        let copies = ["accepted", "serials", "cancels", "retries", "pauses", "excuses"].flatMap { name in
            ["-c", "\\copy torture.\(name) FROM '\(folder.appending(path: "\(name).tsv").path())'"]
        }
        let starts = folder.appending(path: "starts").path()
        try await shell(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", Self.tables] + copies + [
                "-c", "\\copy torture.starts FROM PROGRAM 'cat \(starts)/*'",
                // A transaction's commit accepts what it submits.
                "-c", "INSERT INTO torture.accepted (id) SELECT id FROM torture.followers",
                "-c", "ANALYZE", stores.databaseURL,
            ], within: 600)
    }

    private static let tables = """
        CREATE TABLE torture.accepted (id uuid, serial bigint);
        CREATE TABLE torture.serials (serial bigint PRIMARY KEY, is_refused boolean, entrusted_us bigint);
        CREATE TABLE torture.cancels (id uuid PRIMARY KEY, status integer);
        CREATE TABLE torture.retries (id uuid PRIMARY KEY, asked integer, granted integer);
        CREATE TABLE torture.pauses (queue text, from_us bigint, to_us bigint);
        -- Until when Redis may have lost or brought back what it held; or, where it has lost nothing, was given it again.
        CREATE TABLE torture.excuses (is_loss boolean, until_us bigint);
        CREATE TABLE torture.starts (id uuid, attempt integer, serial bigint);
        CREATE TABLE torture.jobs AS
          SELECT id, (payload->>'serial')::bigint AS serial, payload->>'mode' AS mode, state, attempt, failures
          FROM millrace.job_rows WHERE kind = 'torture.job';
        CREATE TABLE torture.followers AS
          SELECT id, (payload->>'job')::uuid AS leader, (payload->>'attempt')::integer AS of_attempt
          FROM millrace.job_rows WHERE kind = 'torture.follower';
        CREATE TABLE torture.reopened AS
          SELECT job AS id, count(*)::integer AS times FROM torture.history
          WHERE state_before >= 'completed' AND state = 'ready' GROUP BY job;
        CREATE INDEX ON torture.history (job, attempt);
        """
}
