// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import NIOCore

/// Takes an upload in: from the connection to the disk, piece by piece, then its row and its job into the ledger.
///
/// 1. The bytes are staged; their first ones tell the kind of image, their count is bounded, their SHA-256 is their
///    name.
/// 2. The header tells the dimensions.
/// 3. One transaction takes note of the request's idempotency key, publishes the blob, writes the photo's row and
///    submits its job. A process that ends before its commit leaves a blob without a row at most, which is swept.
struct PhotoUpload: Sendable {
    private static let timeout: Duration = .seconds(10)

    let files: PhotoFiles
    let slots: Slots

    func take(_ request: APIRequest) async throws(Problem) -> Answer {
        let key: IdempotencyKey?
        let blob: any StagedBlob
        do throws(Problem) {
            _ = try request.query()
            key = try IdempotencyKey(request)
            guard slots.take() else {
                throw .overloaded("\(PhotoLimits.uploadsMax) uploads are under way already")
            }
        } catch {
            throw request.body.isEmpty ? error : error.closing
        }
        defer { slots.giveBack() }
        do {
            let blobs = try await files.blobs()
            blob = try await FileThreads.run { try blobs.stage() }
        } catch {
            throw Problem(error, logger: request.logger).closing
        }
        let format = try await receive(request, into: blob)
        return try await Problem.told(request.logger) {
            let (digest, header) = try await FileThreads.run { (try blob.seal(), try Self.header(format, of: blob)) }
            return try await submit(blob, digest, header, key, request)
        }
    }

    private func receive(_ request: APIRequest, into blob: any StagedBlob) async throws(Problem) -> ImageFormat {
        var signature: [UInt8] = []
        var format: ImageFormat?
        let count = try await request.body.eachPiece(upTo: PhotoLimits.bytesMax) { (piece) throws(Problem) in
            if format == nil {
                signature += piece.readableBytesView.prefix(ImageFormat.signatureLength - signature.count)
                if signature.count == ImageFormat.signatureLength { format = try Self.format(signature) }
            }
            try await Problem.told(request.logger) {
                try await FileThreads.run { try piece.withUnsafeReadableBytes { try blob.append($0) } }
            }
        }
        guard count > 0 else { throw Problem(.invalidPhoto, "the body is empty") }
        return if let format { format } else { try Self.format(signature) }
    }

    private func submit(
        _ blob: any StagedBlob, _ digest: BlobDigest, _ header: ImageHeader, _ key: IdempotencyKey?,
        _ request: APIRequest
    ) async throws -> Answer {
        guard let original = BlobReference(store: try await files.storeName(), digest: digest) else {
            preconditionFailure("the store's name was read as a UUID")
        }
        let (photo, owner) = (PhotoID(), try request.owner())
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        return try await files.ledger.answer(request, body: digest.bytes, key: key, timeout: Self.timeout) {
            transaction in
            let job = try transaction.enqueue(StorePhoto(photo: photo, original: original), options)
            return (job, PhotoView.accepted(photo, job))
        } write: { job, transaction in
            try BlobLock.share([digest], in: transaction)
            try blob.publish()
            try PhotoRows.insert(
                photo, of: owner, job: job, header: header, bytes: blob.size, original: digest, in: transaction)
        }
    }

    private static func format(_ signature: [UInt8]) throws(Problem) -> ImageFormat {
        guard let format = ImageFormat(signature: signature) else {
            let names = ImageFormat.allCases.map(\.name).joined(separator: ", ")
            throw Problem(.unsupportedMediaType, "by its first bytes the body is none of \(names)")
        }
        return format
    }

    private static func header(_ format: ImageFormat, of blob: any StagedBlob) throws -> ImageHeader {
        let header: ImageHeader
        do {
            header = try ImageHeader.read(format, from: blob)
        } catch let error as ImageError {
            throw Problem(.invalidPhoto, "the header of this \(format.name) cannot be read: \(error)")
        }
        guard header.pixels <= PhotoLimits.pixelsMax else {
            throw Problem(
                .invalidPhoto,
                "the photo has \(header.width)×\(header.height) pixels, at most \(PhotoLimits.pixelsMax) are taken")
        }
        return header
    }
}
