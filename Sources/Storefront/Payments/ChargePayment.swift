// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// Asks the gateway for the money of a payment.
///
/// It is submitted by `POST /v1/payments`, in the transaction that writes the payment's row.
public struct ChargePayment: Job {
    public static let kind: JobKind = "payments.charge"
    public static let defaults = JobOptions.payments

    public let payment: PaymentID

    public struct Output: Codable, Sendable, Equatable {
        public let state: PaymentState
    }
}

public typealias PaymentID = RecordID<ChargePayment>

/// What became of a payment.
public enum PaymentState: String, Codable, Sendable, CaseIterable {
    /// Its job has not ended.
    case pending
    /// The gateway waits for the customer, as `client_secret` lets a page ask; then its webhook tells.
    case requiresAction = "requires_action"
    /// The gateway has not decided; its webhook tells.
    case processing
    /// The money is there: the one state that never changes.
    case succeeded
    /// No money was taken; `code` says why.
    case declined
    /// Nobody but a person can tell; `code` says why. What the gateway tells later still counts.
    case needsReview = "needs_review"
}

extension JobOptions {
    /// A gateway that is away is asked every few minutes, or when it says so, for as long as ``PaymentLimits/askingMax``: that,
    /// and not the count of failures, ends it.
    static let payments = JobOptions(
        queue: "payments", maxAttempts: Limits.maxAttemptsMax, timeout: .seconds(180),
        backoff: Backoff(base: .seconds(2), limit: .seconds(600)))
}
