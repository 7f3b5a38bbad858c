// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres

/// `/v1/emails`: submission, and what became of a mail. `/v1/suppressions`: whom no mail is sent any more.
struct EmailRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    /// The ledger, and the blobs that may be attached.
    let files: PhotoFiles

    /// It takes an API key for the queue of mails; to whom one went is as much its payload as what it said.
    var routes: [Route] {
        let queue = AccessRule.Reach.queue(SendEmail.defaults.queue)
        return [
            Route(.post, EmailAddresses.emails, .scope(.submit, queue)) { (request) throws(Problem) in
                try await submit(request)
            },
            Route(.get, "\(EmailAddresses.emails)/{id}", .scope(.readPayload, queue)) { (request) throws(Problem) in
                try await show(request)
            },
            Route(.get, "\(EmailAddresses.suppressions)/{address}", .scope(.read, queue)) {
                (request) throws(Problem) in
                try await showSuppression(request)
            },
            Route(.delete, "\(EmailAddresses.suppressions)/{address}", .scope(.operate, queue)) {
                (request) throws(Problem) in
                try await liftSuppression(request)
            },
        ]
    }

    private func submit(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let key = try IdempotencyKey(request)
        let (read, body) = try await request.withJSONObject(
            upTo: EmailLimits.requestBytesMax, known: EmailRequest.known
        ) { (members, faults) throws(Problem) -> EmailRequest? in
            do throws(PayloadError) {
                return try PayloadDecoding.decode(EmailRequest.self, from: members.text.bytes)
            } catch {
                faults.append(Fault(error.pointer, error.reason))
                return nil
            }
        }
        return try await Problem.told(request.logger) { try await submit(read, body, key, request) }
    }

    /// All mails are submitted, or none.
    private func submit(
        _ read: EmailRequest, _ body: [UInt8], _ key: IdempotencyKey?, _ request: APIRequest
    ) async throws -> Answer {
        let digests = Set(read.message.attachments.map(\.digest))
        // What is attached is as good as read.
        guard digests.isEmpty || request.caller.mayReadPhotos else {
            throw Problem(.missingScope, "to attach what is stored takes a key with read:payload for the queue photos")
        }
        let blobs = digests.isEmpty ? nil : try await files.blobs()
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        return try await files.ledger.answer(request, body: body, key: key, timeout: Self.timeout) { transaction in
            let emails = try read.emails.map { email in
                (id: try enqueue(email, options, transaction), recipient: email.to.address)
            }
            return (emails, EmailView.accepted(emails))
        } write: { emails, transaction in
            try BlobLock.share(Array(digests), in: transaction)
            if let blobs { try Self.expect(read.message.attachments, in: blobs) }
            try EmailRows.insert(emails, attachments: digests, in: transaction)
        }
    }

    private func enqueue(
        _ email: SendEmail, _ options: EnqueueOptions, _ transaction: LedgerTransaction
    ) throws -> JobID {
        do {
            return try transaction.enqueue(email, options)
        } catch let error as PayloadError {
            throw Problem(.invalidField, Faults(Fault("", "the mail is too large: \(error.reason)")))
        }
    }

    /// Under the lock that keeps the blobs from being deleted until the mails' rows say that they are wanted.
    private static func expect(_ attachments: [EmailAttachment], in blobs: any BlobStore) throws {
        let deadline = ContinuousClock.now + timeout
        var size: Int64 = 0
        for (index, attachment) in attachments.enumerated() {
            guard ContinuousClock.now < deadline else { throw BlobError(.away, "the blob store is slow") }
            guard let bytes = try blobs.size(of: attachment.digest) else {
                throw Problem(
                    .invalidField, Faults(Fault("/attachments/\(index)/digest", "there is no blob of this digest")))
            }
            size += bytes
        }
        guard size <= EmailLimits.attachmentBytesMax else {
            throw Problem(
                .invalidField,
                Faults(Fault("/attachments", "\(size) bytes together, at most \(EmailLimits.attachmentBytesMax)")))
        }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let text = request.pathParameters["id"] ?? ""
        guard let id = JobID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a mail's id: a UUID of 36 characters")
        }
        let row = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) { try EmailRows.read(id, in: $0) }
        }
        guard let row else { throw Problem(.notFound, "there is no mail \(id)") }
        return EmailView.email(row)
    }

    private func showSuppression(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let address = try request.emailAddress()
        let row = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) {
                try EmailRows.suppression(of: address, in: $0)
            }
        }
        guard let row else { throw .notSuppressed(address) }
        return EmailView.suppression(of: address, row)
    }

    private func liftSuppression(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let address = try request.emailAddress()
        try await request.body.expectNone()
        let wasSuppressed = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) { try EmailRows.lift(address, in: $0) }
        }
        guard wasSuppressed else { throw .notSuppressed(address) }
        return Answer(status: .noContent)
    }
}

/// Where mails and suppressions are.
enum EmailAddresses {
    static let emails = "/v1/emails"
    static let suppressions = "/v1/suppressions"

    static func email(_ id: JobID) -> String { "\(emails)/\(id)" }
}

extension APIRequest {
    /// The address that the path names.
    fileprivate func emailAddress() throws(Problem) -> EmailAddress {
        do throws(EmailError) {
            return try EmailAddress(pathParameters["address"] ?? "")
        } catch {
            throw Problem(.notFound, error.message)
        }
    }
}

extension Problem {
    fileprivate static func notSuppressed(_ address: EmailAddress) -> Problem {
        Problem(.notFound, "\(address.description.quoted) is not suppressed")
    }
}

extension Caller {
    fileprivate var mayReadPhotos: Bool { allows(.readPayload) && isFor(StorePhoto.defaults.queue) }
}
