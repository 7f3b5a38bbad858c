// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// A page of a listing, as a request asks for it: `?limit=…&cursor=…`.
struct Page<ID: LosslessStringConvertible & Sendable>: Sendable {
    private let limit: Int
    /// The last one of the page before; nil for the first page.
    let last: ID?

    /// - Throws: a problem that names the parameter.
    init(_ request: APIRequest) throws(Problem) {
        let query = try request.query("limit", "cursor")
        let expected = "a whole number from 1 to \(PageLimits.rowsMax)"
        limit =
            try query.value("limit", expected: expected) { text in
                Int(text).flatMap { 1...PageLimits.rowsMax ~= $0 ? $0 : nil }
            } ?? PageLimits.rows
        last = try query.value("cursor", expected: "a cursor that this server gave") { ID($0) }
    }

    /// How many rows to read: one more than are shown tells whether there is another page.
    var rowsMax: Int64 { Int64(limit) + 1 }

    /// - Parameters:
    ///   - name: of the member that has the rows.
    ///   - rows: at most ``rowsMax``.
    ///   - write: writes the members of one.
    func answer<Row>(
        _ name: String, _ rows: [Row], id: (Row) -> ID, _ write: (inout JSONWriter, Row) -> Void
    ) -> Answer {
        let shown = rows.prefix(limit)
        let next = rows.count > limit ? shown.last.map { "\(id($0))" } : nil
        return Answer { json in
            json.member(name) { json in
                json.array(shown) { json, row in json.object { write(&$0, row) } }
            }
            json.member("next", next)
        }
    }
}

enum PageLimits {
    /// Where a request does not say how many.
    static let rows = 50
    static let rowsMax = 200
}
