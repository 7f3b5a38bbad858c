// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// Makes the variants of an uploaded photo.
///
/// It is submitted by `POST /v1/photos`, in the transaction that writes the photo's row.
public struct StorePhoto: Job {
    public static let kind: JobKind = "photos.store"
    public static let defaults = JobOptions(
        queue: "photos", maxAttempts: 10, timeout: .seconds(120), isBlocking: true)

    public let photo: PhotoID
    /// The upload, byte for byte.
    public let original: BlobReference

    public struct Output: Codable, Sendable, Equatable {
        /// False when the photo was deleted in the meantime.
        public let isStored: Bool
        /// Upright; nil when it was deleted.
        public let width: Int?
        public let height: Int?
    }
}

public typealias PhotoID = RecordID<StorePhoto>
