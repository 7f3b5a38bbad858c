// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI

/// Mails as the API shows them.
enum EmailView {
    static func accepted(_ emails: [(id: JobID, recipient: EmailAddress)]) -> StoredAnswer {
        var json = JSONWriter()
        json.object { json in
            json.member("emails") { json in
                json.array(emails) { json, email in
                    json.object { json in
                        json.member("id", "\(email.id)")
                        json.member("url", EmailAddresses.email(email.id))
                        json.member("to", "\(email.recipient)")
                    }
                }
            }
        }
        return StoredAnswer(
            status: HTTPResponse.Status.accepted.code,
            location: emails.count == 1 ? EmailAddresses.email(emails[0].id) : "", body: json.bytes)
    }

    static func email(_ row: EmailRow) -> Answer {
        Answer { json in
            json.member("id", "\(row.id)")
            json.member("url", EmailAddresses.email(row.id))
            json.member("to", row.recipient)
            json.member("state", state(of: row))
            json.member("attempts", row.attempts)
            json.member("code", row.code)
            json.member("answer", row.answer)
            json.member("message_id", row.messageID)
            json.member("created_at", row.createdAt.rfc3339)
            json.member("updated_at", row.updatedAt.rfc3339)
            json.member("job") { json in
                json.object { json in
                    json.member("id", "\(row.id)")
                    json.member("url", "/v1/jobs/\(row.id)")
                }
            }
        }
    }

    static func suppression(of address: EmailAddress, _ row: SuppressionRow) -> Answer {
        Answer { json in
            json.member("address", address.key)
            json.member("created_at", row.createdAt.rfc3339)
            json.member("answer", row.answer)
            json.member("email") { json in
                json.object { json in
                    json.member("id", "\(row.email)")
                    json.member("url", EmailAddresses.email(row.email))
                }
            }
        }
    }

    /// The row's; but of a job that will not run again, its own word for that.
    private static func state(of row: EmailRow) -> String {
        if row.hasEnded { return row.state }
        switch row.jobState {
        case .cancelled: return "cancelled"
        case .dead, nil: return "failed"
        default: return row.state
        }
    }
}
