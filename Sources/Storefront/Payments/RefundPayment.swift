// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// Asks the gateway to give money of a charge back.
///
/// It is submitted by `POST /v1/refunds`, in the transaction that writes the refund's row and so reserves its amount.
public struct RefundPayment: Job {
    public static let kind: JobKind = "payments.refund"
    public static let defaults = JobOptions.payments

    public let refund: RefundID

    public struct Output: Codable, Sendable, Equatable {
        public let state: RefundState
    }
}

public typealias RefundID = RecordID<RefundPayment>

/// What became of a refund.
public enum RefundState: String, Codable, Sendable, CaseIterable {
    /// Its job has not ended.
    case pending
    /// The gateway has not decided; its webhook tells.
    case processing
    /// The gateway has given the money back. Where it takes that back later, the refund `needs_review`.
    case succeeded
    /// No money was given back, and its amount may be refunded again; `code` says why.
    case failed
    /// Nobody but a person can tell; `code` says why. Its amount stays reserved. So ends, too, what was
    /// to give back the money of an order that has ended unpaid, and failed.
    case needsReview = "needs_review"
}
