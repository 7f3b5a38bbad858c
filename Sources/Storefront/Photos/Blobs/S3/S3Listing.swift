// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A page of a bucket's listing, as `ListObjectsV2` has it.
struct S3Listing {
    let objects: [(key: String, writtenAt: Timestamp)]
    /// Where the next page begins; nil behind the last.
    let continuation: String?

    /// nil for anything else.
    init?(_ document: [UInt8]) {
        guard let root = S3Element(document), root.name == "ListBucketResult",
            let isTruncated = root.text(of: "IsTruncated")
        else { return nil }
        var objects: [(key: String, writtenAt: Timestamp)] = []
        for child in root.children where child.name == "Contents" {
            guard let key = child.text(of: "Key"),
                let time = child.text(of: "LastModified").flatMap(Timestamp.init(rfc3339:))
            else { return nil }
            objects.append((key, time))
        }
        self.objects = objects
        continuation = isTruncated == "true" ? root.text(of: "NextContinuationToken") : nil
        // Else the listing would end where it does not.
        if isTruncated != "false", continuation == nil { return nil }
    }
}
