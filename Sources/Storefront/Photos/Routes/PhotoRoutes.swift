// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
public import Hummingbird
import Logging
import Millrace
import MillracePostgres
import NIOCore

/// `/v1/photos`: uploads, what is known of a photo, its variants, its deletion.
public struct PhotoRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    private let files: PhotoFiles
    private let upload: PhotoUpload
    private let logger: Logger

    init(files: PhotoFiles, logger: Logger) {
        self.files = files
        self.logger = logger
        upload = PhotoUpload(files: files, slots: UploadSlots())
    }

    /// Answers a request, or returns nil when its path is none of these.
    ///
    /// - Parameters:
    ///   - request: its body is read piece by piece, and may be left unread when the request is refused; the answer
    ///     says `Connection: close` then.
    ///   - continueBody: sends `100 Continue` where the client waits for it.
    public func respond(to request: Request, continueBody: () -> Void) async -> Response? {
        guard let target = PhotoTarget(path: request.head.path ?? "") else { return nil }
        var isBodyRead =
            request.headers[.contentLength].map { $0 == "0" } ?? (request.headers[.transferEncoding] == nil)
        do {
            return try await respond(to: request, target, continueBody, &isBodyRead)
        } catch {
            return PhotoProblem(error, logger: logger).response(isBodyLeft: !isBodyRead)
        }
    }

    private func respond(
        to request: Request, _ target: PhotoTarget, _ continueBody: () -> Void, _ isBodyRead: inout Bool
    ) async throws -> Response {
        switch (request.method, target) {
        case (.post, .photos):
            let length = request.headers[.contentLength].flatMap(Int.init)
            let (photo, job) = try await upload.take(
                request.body, declaredLength: length, continueBody: continueBody, isBodyRead: &isBodyRead)
            return PhotoView.accepted(photo, job)
        case (.get, .photo(let id)), (.head, .photo(let id)):
            return try await show(id).answering(request)
        case (.get, .variant(let id, let box)), (.head, .variant(let id, let box)):
            return try await variant(id, box, request)
        case (.delete, .photo(let id)):
            try await delete(id)
            return Response(status: .noContent)
        default:
            var problem = PhotoProblem(
                .methodNotAllowed, "this path takes \(target.methods), not \(request.method.rawValue.prefix(20))")
            problem.allow = target.methods
            throw problem
        }
    }

    private func show(_ id: PhotoID) async throws -> Response {
        let row = try await files.ledger.transaction(timeout: Self.timeout) { try PhotoRows.read(id, in: $0) }
        guard let row else { throw Self.missing(id) }
        return PhotoView.photo(row)
    }

    private func variant(_ id: PhotoID, _ box: Int, _ request: Request) async throws -> Response {
        let found = try await files.ledger.transaction(timeout: Self.timeout) {
            try PhotoRows.variant(id, box: box, in: $0)
        }
        guard let digest = found else {
            throw PhotoProblem(.notFound, "there is no photo \(id), or its variants are not made yet")
        }
        var headers = HTTPFields()
        headers[.eTag] = "\"\(digest)\""
        headers[.cacheControl] = "public, max-age=31536000, immutable"
        headers[.xContentTypeOptions] = "nosniff"
        if let known = request.headers[.ifNoneMatch], known == "*" || known.contains("\"\(digest)\"") {
            return Response(status: .notModified, headers: headers)
        }
        let blobs = try await files.blobs()
        let blob: any BlobReader
        do {
            blob = try await FileThreads.run { try blobs.open(digest) }
        } catch let error as BlobError where error.code == .missing {
            // Deleted since its row was read; else it has been lost, and somebody should know.
            logger.error("a photo's blob is missing", metadata: [.error: "\(error)", .address: "\(id)"])
            throw Self.missing(id)
        }
        headers[.contentType] = "image/webp"
        headers[.contentLength] = String(blob.size)
        return Response(
            status: .ok, headers: headers, body: request.method == .head ? ResponseBody() : BlobBody.body(of: blob))
    }

    private func delete(_ id: PhotoID) async throws {
        let forgotten = try await files.ledger.transaction(timeout: Self.timeout) { try PhotoRows.delete(id, in: $0) }
        guard let forgotten else { throw Self.missing(id) }
        // The photo is gone for good by now; what cannot be deleted at once is swept.
        do {
            let remover = BlobRemover(ledger: files.ledger, blobs: try await files.blobs())
            for digest in forgotten { _ = try await remover.remove(digest) }
        } catch {
            logger.warning("blobs of a deleted photo are left to the sweep", metadata: [.error: "\(error)"])
        }
    }

    private static func missing(_ id: PhotoID) -> PhotoProblem {
        PhotoProblem(.notFound, "there is no photo \(id)")
    }
}

extension Response {
    /// Without its body, for `HEAD`.
    fileprivate func answering(_ request: Request) -> Response {
        // Made anew: setting the body would set the length to its own.
        request.method == .head ? Response(status: status, headers: headers, body: ResponseBody()) : self
    }
}
