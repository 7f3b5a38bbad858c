// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func recordStep(
        _ name: String, result: [UInt8], of id: JobID, attempt: Int
    ) async throws(LedgerError) -> StepVerdict {
        Failpoint.reached(.stepNotRecorded)
        let held = try await run(
            Statements.recordStep,
            [.uuid(id.bytes), .int4(Int32(clamping: attempt)), .text(name), .json(result)])
        Failpoint.reached(.stepRecorded)
        return held.rowCount > 0 ? .recorded : .fenced
    }

    public func steps(of id: JobID) async throws(LedgerError) -> [RecordedStep] {
        let result = try await run(Statements.readSteps, [.uuid(id.bytes)])
        return try decoding { () throws(PostgresError) in
            var steps: [RecordedStep] = []
            for row in result.rows {
                steps.append(
                    RecordedStep(
                        name: try row.text(0), attempt: try row.integer(1), at: try row.time(2), result: try row.json(3)
                    ))
            }
            return steps
        }
    }
}
