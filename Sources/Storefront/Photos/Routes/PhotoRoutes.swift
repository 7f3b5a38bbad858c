// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import NIOCore

/// `/v1/photos`: uploads, what is known of a photo, its variants, its deletion.
struct PhotoRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)
    private static let pieceLength = 64 * 1024
    private static let contentType = "image/webp"

    private let files: PhotoFiles
    private let upload: PhotoUpload

    init(files: PhotoFiles) {
        self.files = files
        upload = PhotoUpload(files: files, slots: Slots(PhotoLimits.uploadsMax))
    }

    /// Users get at their own photos, programs by their keys at all.
    var routes: [Route] {
        let queue = AccessRule.Reach.queue(StorePhoto.defaults.queue)
        return [
            Route(.post, PhotoAddress.all, .userOrScope(.submit, queue)) { (request) throws(Problem) in
                try await upload.take(request)
            },
            Route(.get, "\(PhotoAddress.all)/{id}", .userOrScope(.read, queue)) { (request) throws(Problem) in
                try await show(request)
            },
            Route(.delete, "\(PhotoAddress.all)/{id}", .userOrScope(.operate, queue)) { (request) throws(Problem) in
                try await delete(request)
            },
            Route(.get, "\(PhotoAddress.all)/{id}/{variant}", .userOrScope(.readPayload, queue)) {
                (request) throws(Problem) in
                try await variant(request)
            },
        ]
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (id, owner) = (try request.photoID(), try request.owner())
        let row = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) { try PhotoRows.read(id, of: owner, in: $0) }
        }
        guard let row else { throw .missing(id) }
        // Whoever knows the digest can have the original sent by mail.
        return PhotoView.photo(row, withDigest: owner != nil || request.caller.allows(.readPayload))
    }

    private func variant(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (id, owner, box) = (try request.photoID(), try request.owner(), try request.variantBox())
        let found = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) {
                try PhotoRows.variant(id, of: owner, box: box, in: $0)
            }
        }
        guard let digest = found else {
            throw Problem(.notFound, "there is no photo \(id), or its variants are not made yet")
        }
        let isKnown = request.headers[.ifNoneMatch].map { $0 == "*" || $0.contains("\"\(digest)\"") } ?? false
        if !isKnown, let link = try await link(to: digest, request) { return .redirection(to: link) }
        var answer =
            isKnown
            ? Answer(status: .notModified)
            : Answer(body: try await body(digest, of: id, request), contentType: Self.contentType)
        answer.headers[.eTag] = "\"\(digest)\""
        answer.headers[.cacheControl] = "private, max-age=31536000, immutable"
        return answer
    }

    private func link(to digest: BlobDigest, _ request: APIRequest) async throws(Problem) -> BlobLink? {
        try await Problem.told(request.logger) {
            try await files.blobs().link(to: digest, contentType: Self.contentType)
        }
    }

    private func body(
        _ digest: BlobDigest, of id: PhotoID, _ request: APIRequest
    ) async throws(Problem) -> Answer.Body {
        let blob: any BlobReader
        do {
            let blobs = try await files.blobs()
            blob = try await FileThreads.run { try blobs.open(digest) }
        } catch let error as BlobError where error.code == .missing {
            // Deleted since its row was read; else it has been lost, and somebody should know.
            request.logger.error("a photo's blob is missing", metadata: [.error: "\(error)", .address: "\(id)"])
            throw .missing(id)
        } catch {
            throw Problem(error, logger: request.logger)
        }
        return .pieces(length: Int(blob.size)) { offset in
            try await FileThreads.run {
                let length = min(Self.pieceLength, Int(blob.size) - offset)
                var buffer = ByteBuffer()
                try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
                    try blob.read(
                        into: UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(length)), at: Int64(offset))
                }
                return buffer
            }
        }
    }

    private func delete(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (id, owner) = (try request.photoID(), try request.owner())
        try await request.body.expectNone()
        let forgotten = try await Problem.told(request.logger) {
            try await files.ledger.transaction(timeout: Self.timeout) { try PhotoRows.delete(id, of: owner, in: $0) }
        }
        guard let forgotten else { throw .missing(id) }
        // The photo is gone for good by now; what cannot be deleted at once is swept.
        do {
            let remover = BlobRemover(ledger: files.ledger, blobs: try await files.blobs())
            for digest in forgotten { _ = try await remover.remove(digest) }
        } catch {
            request.logger.warning(
                "blobs of a deleted photo are left to the sweep", metadata: [.error: "\(error)"])
        }
        return Answer(status: .noContent)
    }
}

/// The addresses of photos.
enum PhotoAddress {
    static let all = "/v1/photos"

    static func photo(_ id: PhotoID) -> String { "\(all)/\(id)" }
    static func variant(_ id: PhotoID, box: Int) -> String { "\(all)/\(id)/\(box).webp" }
}

extension APIRequest {
    /// The photo that the path names.
    fileprivate func photoID() throws(Problem) -> PhotoID {
        let text = pathParameters["id"] ?? ""
        guard let id = PhotoID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a photo's id: a UUID of 36 characters")
        }
        return id
    }

    /// The box of the variant that the path names.
    fileprivate func variantBox() throws(Problem) -> Int {
        let text = pathParameters["variant"] ?? ""
        guard let box = PhotoLimits.boxes.first(where: { "\($0).webp" == text }) else {
            let known = PhotoLimits.boxes.map { "\($0).webp" }.joined(separator: ", ")
            throw Problem(.notFound, "a photo has no \(text.quoted), it has \(known)")
        }
        return box
    }
}

extension Answer {
    /// May be kept for half as long as the link works.
    fileprivate static func redirection(to link: BlobLink) -> Answer {
        var answer = Answer(status: .found)
        answer.headers[.location] = link.url
        answer.headers[.cacheControl] = "private, max-age=\(link.duration.components.seconds / 2)"
        return answer
    }
}

extension Problem {
    fileprivate static func missing(_ id: PhotoID) -> Problem {
        Problem(.notFound, "there is no photo \(id)")
    }
}
