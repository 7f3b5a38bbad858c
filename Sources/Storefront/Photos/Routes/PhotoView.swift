// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI

/// Photos as the API shows them.
enum PhotoView {
    static func accepted(_ photo: PhotoID, _ job: JobID) -> StoredAnswer {
        let address = PhotoAddress.photo(photo)
        var json = JSONWriter()
        json.object { json in
            json.member("photo") { link(&$0, "\(photo)", address) }
            json.member("job") { link(&$0, "\(job)", "/v1/jobs/\(job)") }
        }
        return StoredAnswer(status: HTTPResponse.Status.accepted.code, location: address, body: json.bytes)
    }

    static func photo(_ row: PhotoRow, withDigest: Bool) -> Answer {
        Answer { json in
            json.member("id", "\(row.id)")
            json.member("url", PhotoAddress.photo(row.id))
            json.member("state", state(of: row).rawValue)
            json.member("job") { link(&$0, "\(row.jobID)", "/v1/jobs/\(row.jobID)") }
            json.member("created_at", row.createdAt.rfc3339)
            json.member("stored_at", row.storedAt?.rfc3339)
            json.member("format", row.format)
            json.member("width", row.width)
            json.member("height", row.height)
            json.member("bytes", row.bytes)
            if withDigest { json.member("digest", "sha256:\(row.original)") }
            json.member("variants") { json in
                json.array(row.variants) { json, variant in
                    json.object { json in
                        json.member("url", PhotoAddress.variant(row.id, box: variant.box))
                        json.member("box", variant.box)
                        json.member("width", variant.width)
                        json.member("height", variant.height)
                        json.member("bytes", variant.bytes)
                    }
                }
            }
        }
    }

    /// The job's; one that the ledger has forgotten ended long ago, and whether well is seen by what it left.
    private static func state(of row: PhotoRow) -> JobState {
        row.storedAt == nil ? row.jobState ?? .dead : .completed
    }

    private static func link(_ json: inout JSONWriter, _ id: String, _ url: String) {
        json.object { json in
            json.member("id", id)
            json.member("url", url)
        }
    }
}
