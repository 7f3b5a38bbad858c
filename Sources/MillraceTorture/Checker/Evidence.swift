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
    private let folder: URL

    /// Reads the journals and writes what was learnt as tables.
    init(folder: URL, producers: Int) throws {
        self.folder = folder
        var invoked: [Int: Int] = [:]
        var refusals: Set<Int> = []
        var ids: [String] = []
        var cancels: [String: Int] = [:]
        for producer in 1...producers {
            for entry in ClientJournal.read(folder.appending(path: "journals/\(producer)").path()) {
                switch entry {
                case .invoked(let first, let count): invoked[first] = count
                case .accepted(let first, let answered):
                    for (index, id) in answered.enumerated() { ids.append("\(id)\t\(first + index)\n") }
                case .refused(let first, let count, _):
                    refusals.insert(first)
                    refused += count
                case .repeated(_, let isSame):
                    repeatedRequests += 1
                    if !isSame { changedAnswers += 1 }
                case .cancelled(let id, let status): cancels[id] = max(cancels[id] ?? 0, status)
                case .unknown: break
                }
            }
        }
        submitted = invoked.values.reduce(0, +)
        accepted = ids.count
        let serials = invoked.flatMap { first, count in
            (first..<(first + count)).map { "\($0)\t\(refusals.contains(first) ? "t" : "f")\n" }
        }
        for (name, lines) in [
            ("accepted", ids), ("serials", serials), ("cancels", cancels.map { "\($0.key)\t\($0.value)\n" }),
        ] {
            try Data(lines.joined().utf8).write(to: folder.appending(path: "\(name).tsv"))
        }
    }

    func load(into stores: Stores) async throws {
        let path = folder.path()
        try await shell(
            [
                "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", Self.tables,
                "-c", "\\copy torture.accepted FROM '\(path)/accepted.tsv'",
                "-c", "\\copy torture.serials FROM '\(path)/serials.tsv'",
                "-c", "\\copy torture.cancels FROM '\(path)/cancels.tsv'",
                "-c", "\\copy torture.starts FROM PROGRAM 'cat \(path)/starts/*'",
                // A transaction's commit accepts what it submits.
                "-c", "INSERT INTO torture.accepted (id) SELECT id FROM torture.followers",
                "-c", "ANALYZE", stores.databaseURL,
            ], within: 600)
    }

    private static let tables = """
        CREATE TABLE torture.accepted (id uuid, serial bigint);
        CREATE TABLE torture.serials (serial bigint PRIMARY KEY, is_refused boolean);
        CREATE TABLE torture.cancels (id uuid PRIMARY KEY, status integer);
        CREATE TABLE torture.starts (id uuid, attempt integer);
        CREATE TABLE torture.jobs AS
          SELECT id, (payload->>'serial')::bigint AS serial, payload->>'mode' AS mode, state, attempt, failures
          FROM millrace.job_rows WHERE kind = 'torture.job';
        CREATE TABLE torture.followers AS
          SELECT id, (payload->>'job')::uuid AS leader, (payload->>'attempt')::integer AS of_attempt
          FROM millrace.job_rows WHERE kind = 'torture.follower';
        CREATE INDEX ON torture.history (job, attempt);
        """
}
