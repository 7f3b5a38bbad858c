// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

extension PostgresRow {
    func timestamp(_ column: PostgresColumn) throws -> Timestamp {
        Timestamp(unixMilliseconds: try unixMicroseconds(column) / 1000)
    }

    func timestampIfPresent(_ column: PostgresColumn) throws -> Timestamp? {
        try unixMicrosecondsIfPresent(column).map { Timestamp(unixMilliseconds: $0 / 1000) }
    }
}
