// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("The relay's flag", .needsPostgres) struct FlagTests {
    private static let waiting = PostgresStatement(
        name: "waiting",
        sql: "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid")

    @Test func `a flag that is being set while an older one is cleared stays`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let job = Samples.job()
            try await ledger.accept([job])
            _ = try await ledger.cancel(job.id)
            _ = try await ledger.reopen(job.id)
            let version = try #require(try await ledger.pushable([job.id], bytesMax: 1).first?.version)
            let isSet = TestSignal<Void>()

            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await ledger.handlers.transaction(deadline: .seconds(20)) { transaction in
                        try transaction.query(Statements.flagAgain, [.uuidArray([job.id.bytes])])
                        isSet.signal()
                        let deadline = ContinuousClock.now + .seconds(10)
                        while try transaction.query(Self.waiting).rows.first?.integer(0) != 1 {
                            try #require(ContinuousClock.now < deadline, "nobody waits for the row")
                        }
                    }
                }
                try await isSet.next()
                try await ledger.clearFlags([job.id: version])
                try await group.waitForAll()
            }

            #expect(try await ledger.flagged(limit: 10).map(\.id) == [job.id])
        }
    }
}
