// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres
import Synchronization
import Testing

@testable import Storefront

/// E-mail with blobs of its own.
struct EmailFixture: ApplicationFixture {
    let folder: TemporaryFolder
    let database: PhotoDatabase
    let ledger: PostgresLedger
    let files: PhotoFiles
    let table: RouteTable
    let handlers: JobHandlers
    private let place: BlobPlace

    /// - Parameters:
    ///   - transport: whom mails are handed to.
    ///   - bucket: where the blobs are; a folder of the fixture's own when it is left out.
    static func with(
        _ transport: any MailTransport, bucket: S3Settings? = nil, _ body: (EmailFixture) async throws -> Void
    ) async throws {
        try await PhotoDatabase.with { ledger, database in
            let folder = try TemporaryFolder()
            let place = BlobPlace(opening: { name in
                if let bucket { return S3BlobStore(bucket, name: name) }
                return LocalBlobStore(root: folder.path, name: name)
            })
            let files = PhotoFiles(ledger: ledger, place: place)
            try await body(
                EmailFixture(
                    folder: folder, database: database, ledger: ledger, files: files,
                    table: RouteTable(
                        routes: EmailRoutes(files: files).routes, keys: ClientOfQueue("email", "photos")),
                    handlers: try Self.handlers(transport, place), place: place))
        }
    }

    /// The same with another transport.
    func handing(to transport: any MailTransport) throws -> EmailFixture {
        EmailFixture(
            folder: folder, database: database, ledger: ledger, files: files, table: table,
            handlers: try Self.handlers(transport, place), place: place)
    }

    private static func handlers(_ transport: any MailTransport, _ place: BlobPlace) throws -> JobHandlers {
        let sender = EmailSender(sender: try Mailbox("Shop <shop@example.org>"), transport: transport, place: place)
        var handlers = JobHandlers()
        handlers.register(SendEmail.self) { job, context in try await sender.run(job, context) }
        return handlers
    }

    /// Submits a short mail to each of some addresses; the ids.
    func submit(_ addresses: String..., attachments: String = "[]", headers: HTTPFields = [:]) async throws -> [JobID] {
        let list = addresses.map { "\"\($0)\"" }.joined(separator: ",")
        let reply = try await post(
            "/v1/emails", json: #"{"to":[\#(list)],"subject":"Hi","text":"Hello","attachments":\#(attachments)}"#,
            headers: headers)
        try #require(reply.status == 202, "\(String(decoding: reply.body, as: UTF8.self))")
        let emails = try #require(try reply.json["emails"] as? [[String: String]])
        return emails.compactMap { $0["id"].flatMap { JobID($0) } }
    }

    func email(_ id: JobID) async throws -> [String: Any] {
        try await send(.get, "/v1/emails/\(id)").json
    }

    /// Puts bytes into the blob store; their digest as the API shows it.
    func blob(_ bytes: [UInt8]) async throws -> String {
        "sha256:\(try await files.blobs().put(bytes))"
    }
}

/// Answers as it is told, and keeps what it was handed.
final class StubTransport: MailTransport {
    static let accepted = Delivery.accepted(MailAnswer(code: 250, "250 ok"))

    private let answers: Mutex<[Delivery]>
    private let kept = Mutex<[OutgoingMail]>([])

    /// - Parameter answers: in their order; then it accepts.
    init(_ answers: Delivery...) {
        self.answers = Mutex(answers)
    }

    var mails: [OutgoingMail] { kept.withLock(\.self) }

    func deliver(_ mail: OutgoingMail, isCancelled: @escaping @Sendable () -> Bool) throws -> Delivery {
        kept.withLock { $0.append(mail) }
        return answers.withLock { $0.isEmpty ? Self.accepted : $0.removeFirst() }
    }
}
