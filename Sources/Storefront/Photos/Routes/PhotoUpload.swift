// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Millrace
import MillracePostgres
import NIOCore
import Synchronization

/// Takes an upload in: from the connection to the disk, piece by piece, then its row and its job into the ledger.
///
/// 1. The bytes are staged; their first ones tell the kind of image, their count is bounded, their SHA-256 is their
///    name.
/// 2. The header tells the dimensions.
/// 3. One transaction publishes the blob, writes the photo's row and submits its job. A process that ends before its
///    commit leaves a blob without a row at most, which is swept.
struct PhotoUpload: Sendable {
    private static let timeout: Duration = .seconds(10)

    let files: PhotoFiles
    let slots: UploadSlots

    /// - Parameters:
    ///   - declaredLength: the header `Content-Length`, where there is one.
    ///   - continueBody: called once the client may send the body.
    ///   - isBodyRead: set when all of the body was read.
    /// - Throws: ``PhotoProblem``, and what the stores throw.
    func take(
        _ body: RequestBody, declaredLength: Int?, continueBody: () -> Void, isBodyRead: inout Bool
    ) async throws -> (photo: PhotoID, job: JobID) {
        if let declaredLength, declaredLength > PhotoLimits.bytesMax { throw Self.tooLarge("\(declaredLength)") }
        guard slots.take() else {
            throw PhotoProblem(.overloaded, "\(PhotoLimits.uploadsMax) uploads are under way already")
        }
        defer { slots.giveBack() }
        let store = try await files.storeName()
        let blobs = try await files.blobs()
        let blob = try await FileThreads.run { try blobs.stage() }
        continueBody()
        let format = try await receive(body, into: blob, declaredLength)
        isBodyRead = true
        let (digest, header) = try await FileThreads.run { (try blob.seal(), try Self.header(format, of: blob)) }
        guard let original = BlobReference(store: store, digest: digest) else {
            preconditionFailure("the store's name was read as a UUID")
        }
        let photo = PhotoID()
        let job = try await files.ledger.transaction(timeout: Self.timeout) { transaction in
            try BlobLock.share([digest], in: transaction)
            try blob.publish()
            let job = try transaction.enqueue(StorePhoto(photo: photo, original: original))
            try PhotoRows.insert(photo, job: job, header: header, bytes: blob.size, original: digest, in: transaction)
            return job
        }
        return (photo, job)
    }

    private func receive(
        _ body: RequestBody, into blob: any StagedBlob, _ declaredLength: Int?
    ) async throws -> ImageFormat {
        var signature: [UInt8] = []
        var format: ImageFormat?
        var count = 0
        do {
            for try await chunk in body {
                count += chunk.readableBytes
                guard count <= PhotoLimits.bytesMax else { throw Self.tooLarge("more") }
                if format == nil {
                    signature += chunk.readableBytesView.prefix(ImageFormat.signatureLength - signature.count)
                    if signature.count == ImageFormat.signatureLength { format = try Self.format(signature) }
                }
                try await FileThreads.run {
                    try chunk.withUnsafeReadableBytes { try blob.append($0) }
                }
            }
        } catch let error where !(error is PhotoProblem || error is BlobError || error is CancellationError) {
            throw PhotoProblem(.malformedRequest, "the body breaks off, or does not arrive in time")
        }
        guard declaredLength == nil || declaredLength == count else {
            throw PhotoProblem(.malformedRequest, "the body ends before its Content-Length")
        }
        guard count > 0 else { throw PhotoProblem(.invalidPhoto, "the body is empty") }
        return try format ?? Self.format(signature)
    }

    private static func format(_ signature: [UInt8]) throws -> ImageFormat {
        guard let format = ImageFormat(signature: signature) else {
            let names = ImageFormat.allCases.map(\.name).joined(separator: ", ")
            throw PhotoProblem(.unsupportedMediaType, "by its first bytes the body is none of \(names)")
        }
        return format
    }

    private static func header(_ format: ImageFormat, of blob: any StagedBlob) throws -> ImageHeader {
        let header: ImageHeader
        do {
            header = try ImageHeader.read(format, from: blob)
        } catch let error as ImageError {
            throw PhotoProblem(.invalidPhoto, "the header of this \(format.name) cannot be read: \(error)")
        }
        guard header.pixels <= PhotoLimits.pixelsMax else {
            throw PhotoProblem(
                .invalidPhoto,
                "the photo has \(header.width)×\(header.height) pixels, at most \(PhotoLimits.pixelsMax) are taken")
        }
        return header
    }

    private static func tooLarge(_ seen: String) -> PhotoProblem {
        PhotoProblem(.tooLarge, "the body has \(seen) bytes, at most \(PhotoLimits.bytesMax) are taken")
    }
}

/// How many uploads are under way.
final class UploadSlots: Sendable {
    private let used = Mutex(0)

    func take() -> Bool {
        used.withLock { used in
            guard used < PhotoLimits.uploadsMax else { return false }
            used += 1
            return true
        }
    }

    func giveBack() {
        used.withLock { $0 -= 1 }
    }
}
