// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI

/// Payments as the API shows them.
enum PaymentView {
    static func accepted(_ payment: PaymentID, _ job: JobID) -> StoredAnswer {
        accepted(payment) { json in
            json.link("payment", "\(payment)", PaymentAddress.payment(payment))
            json.link("job", "\(job)", "/v1/jobs/\(job)")
        }
    }

    static func accepted(_ refund: RefundID, of payment: PaymentID, _ job: JobID) -> StoredAnswer {
        accepted(payment) { json in
            json.member("refund") { json in json.object { $0.member("id", "\(refund)") } }
            json.link("payment", "\(payment)", PaymentAddress.payment(payment))
            json.link("job", "\(job)", "/v1/jobs/\(job)")
        }
    }

    static func payment(_ row: PaymentRow) -> Answer { Answer { json in write(row, to: &json) } }

    /// The members of a payment.
    static func write(_ row: PaymentRow, to json: inout JSONWriter) {
        json.member("id", "\(row.id)")
        json.member("url", PaymentAddress.payment(row.id))
        json.member("state", row.state.rawValue)
        json.member("code", row.code)
        json.members(of: row.amount)
        json.link("job", "\(row.jobID)", "/v1/jobs/\(row.jobID)")
        json.member("created_at", row.createdAt.rfc3339)
        json.member("settled_at", row.settledAt?.rfc3339)
        json.member("intent", row.intent)
        json.member("client_secret", row.clientSecret)
        json.member("refunds") { json in
            json.array(row.refunds) { json, refund in
                json.object { json in
                    json.member("id", "\(refund.id)")
                    json.member("state", refund.state.rawValue)
                    json.member("code", refund.code)
                    json.members(of: refund.amount)
                    json.link("job", "\(refund.jobID)", "/v1/jobs/\(refund.jobID)")
                    json.member("created_at", refund.createdAt.rfc3339)
                    json.member("settled_at", refund.settledAt?.rfc3339)
                }
            }
        }
    }

    private static func accepted(_ payment: PaymentID, _ members: (inout JSONWriter) -> Void) -> StoredAnswer {
        var json = JSONWriter()
        json.object(members)
        return StoredAnswer(
            status: HTTPResponse.Status.accepted.code, location: PaymentAddress.payment(payment), body: json.bytes)
    }
}
