// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What matters of a PostgreSQL server and its database.
struct DatabaseFacts: Sendable, Equatable {
    var version: String
    var encoding: String
    var isReadOnly: Bool
    /// `fsync` and `full_page_writes`.
    var isCrashSafe: Bool
    /// What is wrong with the schema; nil when it is this release's.
    var schemaFault: String?
    var connectionsMax: Int
    var connectionsReserved: Int
    var connectionsUsed: Int
    /// PostgreSQL's clock less ours.
    var clockOffset: Duration

    /// - Parameter wanted: connections that the processes of `workers.yml` may open.
    func findings(wanted: Int) -> [Finding] {
        [
            Finding(severity: .ok, part: "postgres", text: "version \(version)"), schemaFinding,
            Finding(
                severity: encoding == "UTF8" ? .ok : .fault, part: "postgres",
                text: "encoding \(encoding)" + (encoding == "UTF8" ? "" : ", it must be UTF8")),
            Finding(
                severity: isReadOnly ? .fault : .ok, part: "postgres",
                text: isReadOnly ? "read-only: a standby, or default_transaction_read_only is on" : "takes writes"),
            Finding(
                severity: isCrashSafe ? .ok : .warning, part: "postgres",
                text: isCrashSafe
                    ? "fsync and full_page_writes on"
                    : "fsync or full_page_writes off: accepted jobs may be lost when the machine fails"),
            connectionsFinding(wanted: wanted), .clock("PostgreSQL", clockOffset),
        ]
    }

    private var schemaFinding: Finding {
        Finding(
            severity: schemaFault == nil ? .ok : .fault, part: "postgres", text: schemaFault ?? "schema up to date")
    }

    private func connectionsFinding(wanted: Int) -> Finding {
        let allowed = connectionsMax - connectionsReserved
        let text = "\(allowed) connections allowed, \(connectionsUsed) in use, workers.yml may need \(wanted)"
        return Finding(
            severity: wanted <= allowed ? .ok : .fault, part: "postgres",
            text: wanted <= allowed ? text : "\(text): raise max_connections, or lower counts or database_connections")
    }
}
