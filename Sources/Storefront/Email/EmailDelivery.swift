// SPDX-License-Identifier: Apache-2.0

package import Millrace
package import MillraceAPI
package import MillracePostgres

/// E-mail: a request becomes a job for each recipient, a worker hands it to an SMTP server, and the database says what
/// became of it.
///
/// ```swift
/// let email = EmailDelivery(blobs: "/var/lib/millrace/blobs", maildir: ".millrace/mail", environment: environment)
/// try email.check()                       // worker and API
/// email.register(in: &handlers)           // worker and API
/// let routes = email.routes(ledger)       // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``, and its attachments lie in the blob store of ``PhotoStorage``.
package struct EmailDelivery: Sendable {
    private let settings: Result<EmailSettings, EmailError>
    private let place: BlobPlace

    /// - Parameters:
    ///   - blobs: as ``PhotoStorage`` takes it.
    ///   - maildir: the folder to which mails are written while the environment names no server.
    package init(blobs: String, maildir: String, environment: [String: String]) {
        settings = Result { () throws(EmailError) in
            try EmailSettings(environment: environment, maildir: maildir)
        }
        place = BlobPlace(blobs, environment: environment)
    }

    /// - Throws: ``EmailError`` for settings that cannot be right, and for a maildir that cannot be written in.
    package func check() throws {
        try settings.get().check()
    }

    /// Adds the kind `email.send` and its handler.
    package func register(in handlers: inout JobHandlers) {
        let sender = settings.map { EmailSender(sender: $0.sender, transport: $0.transport, place: place) }
        handlers.register(SendEmail.self) { job, context in try await sender.get().run(job, context) }
    }

    /// What the process of the API answers.
    package func routes(_ ledger: PostgresLedger) -> [Route] {
        EmailRoutes(files: PhotoFiles(ledger: ledger, place: place)).routes
    }
}
