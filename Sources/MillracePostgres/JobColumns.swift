// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// New jobs as the parameters of `insert-jobs`: one array per column.
enum JobColumns {
    /// - Parameter rows: in ascending order of their ids.
    static func parameters(of rows: [NewRow]) -> [PostgresValue] {
        parameters(of: rows.map(\.job)) + [.boolArray(rows.map(\.isFlagged))]
    }

    /// All columns but the relay's flag.
    /// - Parameter jobs: in ascending order of their ids.
    static func parameters(of jobs: [NewJob]) -> [PostgresValue] {
        [
            .uuidArray(jobs.map(\.id.bytes)),
            .textArray(jobs.map(\.queue.name)),
            .textArray(jobs.map(\.kind.name)),
            .int2Array(jobs.map { Int16($0.priority.rawValue) }),
            .jsonArray(jobs.map(\.payload)),
            .timestampArray(unixMicroseconds: jobs.map(\.dueAt?.unixMicroseconds)),
            .timestampArray(unixMicroseconds: jobs.map(\.expiresAt?.unixMicroseconds)),
            .int4Array(jobs.map { Int32(clamping: $0.timeout.milliseconds) }),
            .int4Array(jobs.map { Int32(clamping: $0.maxAttempts) }),
            .textArray(jobs.map { $0.tags.isEmpty ? nil : arrayText($0.tags) }),
            .textArray(jobs.map(\.trace)),
        ]
    }

    /// The text of an array: arrays of arrays must be rectangular, and tags are not.
    private static func arrayText(_ elements: [String]) -> String {
        let quoted = elements.map { element in
            "\"" + element.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}

extension Timestamp {
    /// Saturates.
    var unixMicroseconds: Int64 {
        let (product, overflow) = unixMilliseconds.multipliedReportingOverflow(by: 1000)
        guard overflow else { return product }
        return unixMilliseconds < 0 ? .min : .max
    }

    /// Rounds down: the store's clock is finer.
    init(unixMicroseconds: Int64) {
        let (quotient, remainder) = unixMicroseconds.quotientAndRemainder(dividingBy: 1000)
        self.init(unixMilliseconds: remainder < 0 ? quotient - 1 : quotient)
    }
}
