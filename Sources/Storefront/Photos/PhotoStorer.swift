// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres

/// The handler of ``StorePhoto``.
///
/// It decodes and encodes first, into staged blobs that nobody sees. Then one transaction locks the photo's row,
/// publishes the blobs, writes the variants' rows and the job's outcome. So a photo that was deleted meanwhile stays
/// deleted, a run that was fenced off leaves nothing behind, and a run that is repeated finds either nothing done or
/// all of it.
struct PhotoStorer: Sendable {
    /// How long a job waits for others to give memory back.
    private static let memoryPause: Duration = .seconds(2)
    /// How long a job waits for an operator to make room, or for the blob store to come back.
    private static let storePause: Duration = .seconds(30)

    private let place: BlobPlace
    private let budget: DecodingBudget

    init(place: BlobPlace, budget: DecodingBudget) {
        self.place = place
        self.budget = budget
    }

    /// - Throws: ``JobSignal`` with `.permanent` when the file is at fault, with `.snooze` while memory or room is
    ///   short or the blob store is away; ``BlobError`` and whatever the transaction throws.
    func run(_ job: StorePhoto, _ context: JobContext) async throws -> StorePhoto.Output {
        do {
            return try await store(job, context)
        } catch let error as BlobError where error.code == .full || error.code == .away {
            // Not the photo's fault, and it was promised to be stored.
            context.logger.warning("blob store is full or away, waiting", metadata: [.error: "\(error)"])
            throw JobSignal.snooze(Self.storePause)
        }
    }

    private func store(_ job: StorePhoto, _ context: JobContext) async throws -> StorePhoto.Output {
        let blobs = try place.store(named: job.original.store)
        let original: any BlobReader
        do throws(BlobError) {
            original = try blobs.open(job.original.digest)
        } catch {
            guard error.code == .missing else { throw error }
            return try await context.transaction { transaction in
                guard try PhotoRows.lock(job.photo, in: transaction) == nil else { throw error }
                return .deleted
            }
        }
        let variants = try await stage(original, in: blobs)
        return try await context.transaction { transaction in
            guard let photo = try PhotoRows.lock(job.photo, in: transaction) else { return .deleted }
            guard photo.original == job.original else {
                throw JobSignal.permanent("the photo \(job.photo) has another original than this job")
            }
            // An operator's retry of a job that had completed: a variant never changes.
            if photo.isStored { return .init(isStored: true, width: photo.width, height: photo.height) }
            try BlobLock.share(variants.staged.map(\.digest), in: transaction)
            for variant in variants.staged { try variant.blob.publish() }
            try PhotoRows.store(job.photo, variants, in: transaction)
            return .init(isStored: true, width: variants.width, height: variants.height)
        }
    }

    private func stage(_ original: any BlobReader, in blobs: any BlobStore) async throws -> StagedVariants {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            do {
                return try stage(original, in: blobs, cancellation)
            } catch let error as ImageError {
                switch error.code {
                case .corrupt: throw JobSignal.permanent("the photo cannot be decoded: \(error)")
                case .cancelled: throw CancellationError()
                default: throw error
                }
            }
        } onCancel: {
            cancellation.set()
        }
    }

    private func stage(
        _ original: any BlobReader, in blobs: any BlobStore, _ cancellation: CancellationFlag
    ) throws -> StagedVariants {
        var bytes = ImageBytes(original)
        guard let format = try ImageFormat(signature: bytes.take(ImageFormat.signatureLength, at: 0)) else {
            throw ImageError(.corrupt, "it is none of the kinds that are taken")
        }
        let header = try ImageHeader.read(format, from: original)
        guard header.pixels <= PhotoLimits.pixelsMax else {
            throw ImageError(.corrupt, "\(header.width)×\(header.height) pixels, at most \(PhotoLimits.pixelsMax)")
        }
        guard let taken = budget.take(try DecodingCost.bytes(of: header, in: original)) else {
            throw JobSignal.snooze(Self.memoryPause)
        }
        defer { budget.giveBack(taken) }
        let photo = try PhotoRenderer.render(original, pixelsMax: header.pixels) { cancellation.isSet }
        let staged = try photo.variants.map { variant in
            let blob = try blobs.stage()
            try variant.bytes.withUnsafeBytes { try blob.append($0) }
            return StagedVariants.Variant(
                box: variant.box, width: variant.width, height: variant.height, digest: try blob.seal(), blob: blob)
        }
        return StagedVariants(width: photo.width, height: photo.height, staged: staged)
    }
}

/// What a run has made, before anybody can see it.
struct StagedVariants: Sendable {
    struct Variant: Sendable {
        let box: Int
        let width: Int
        let height: Int
        let digest: BlobDigest
        let blob: any StagedBlob
    }

    /// Of the original, upright.
    let width: Int
    let height: Int
    let staged: [Variant]
}

extension StorePhoto.Output {
    fileprivate static let deleted = StorePhoto.Output(isStored: false, width: nil, height: nil)
}
