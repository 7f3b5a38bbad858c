// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore
import NIOHTTP1

extension BlobError {
    /// Asks for patience in other words than those of the status.
    private static let passing: Set = ["RequestTimeout", "IncompleteBody", "OperationAborted"]
    private static let quotas: Set = ["QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"]
    private static let wordsLengthMax = 200

    /// What an answer other than success means.
    /// - Parameter action: what was asked, such as `GET of photos/ab…`.
    init(_ reply: S3Client.Reply, to action: String, of settings: S3Settings) {
        let said = S3Element(Array(reply.body.readableBytesView)).flatMap { $0.name == "Error" ? $0 : nil }
        let name = said?.text(of: "Code") ?? ""
        var message = "\(action): answered \(reply.status)"
        if !name.isEmpty {
            message += " \("\(name): \(said?.text(of: "Message") ?? "")".prefix(Self.wordsLengthMax))"
        }
        // An answer to HEAD has no words: this is all that tells a wrong region or a wrong clock.
        if let region = reply.headers.first(name: "x-amz-bucket-region")?.prefix(64), region != settings.region {
            message += "; the bucket is in \(region), AWS_REGION is \(settings.region)"
        }
        if reply.status == 403, let time = reply.headers.first(name: "date")?.prefix(64) {
            message += "; its clock says \(time), ours \(Timestamp.now().rfc3339)"
        }
        self.init(
            Self.code(reply.status, name, saysNothing: reply.body.readableBytes == 0),
            // Neither a log nor the ledger takes what a stranger may have put there.
            String(String.UnicodeScalarView(message.unicodeScalars.map { $0.value < 0x20 ? Unicode.Scalar(0x20) : $0 }))
        )
    }

    private static func code(_ status: Int, _ name: String, saysNothing: Bool) -> Code {
        if passing.contains(name) { return .away }
        if quotas.contains(name) { return .full }
        switch status {
        // Else it is the bucket that is missing, or another service that was asked.
        case 404 where name == "NoSuchKey" || saysNothing: return .missing
        case 408, 429, 500, 502, 503, 504: return .away
        case 507: return .full
        default: return .failed
        }
    }
}
