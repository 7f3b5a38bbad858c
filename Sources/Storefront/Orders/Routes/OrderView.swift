// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI

/// Orders as the API shows them.
enum OrderView {
    static func accepted(_ order: OrderID, _ payment: PaymentID, _ job: JobID) -> StoredAnswer {
        var json = JSONWriter()
        json.object { json in
            json.link("order", "\(order)", OrderAddress.order(order))
            json.link("payment", "\(payment)", PaymentAddress.payment(payment))
            json.link("job", "\(job)", "/v1/jobs/\(job)")
        }
        return StoredAnswer(
            status: HTTPResponse.Status.accepted.code, location: OrderAddress.order(order), body: json.bytes)
    }

    static func order(_ row: OrderRow) -> Answer {
        Answer { json in
            write(
                ListedOrder(
                    id: row.id, createdAt: row.createdAt, endedAt: row.endedAt, state: row.state,
                    total: row.payment.amount), to: &json)
            json.member("lines") { json in
                json.array(row.lines) { json, line in
                    json.object { json in
                        json.member("product", "\(line.product)")
                        json.member("name", line.name)
                        json.member("quantity", Int(line.quantity))
                        json.member("price", Int(line.price.minorUnits))
                        json.members(of: line.amount)
                    }
                }
            }
            json.member("payment") { json in json.object { PaymentView.write(row.payment, to: &$0) } }
            if let receipt = row.receipt { json.link("receipt", "\(receipt)", EmailAddresses.email(receipt)) }
        }
    }

    /// The members of an order that a listing has, too.
    static func write(_ row: ListedOrder, to json: inout JSONWriter) {
        json.member("id", "\(row.id)")
        json.member("url", OrderAddress.order(row.id))
        json.member("state", row.state.rawValue)
        json.members(of: row.total)
        json.member("created_at", row.createdAt.rfc3339)
        json.member("ended_at", row.endedAt?.rfc3339)
    }
}
