// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// Settles what a webhook of the gateway speaks of.
///
/// It is submitted by `POST /v1/webhooks/stripe`, once for each event. The event says no more than what has changed: how things
/// stand the gateway is asked, so that the order in which events arrive makes no difference.
public struct SettleEvent: Job {
    public static let kind: JobKind = "payments.webhook"
    public static let defaults = JobOptions.payments

    /// The event's id.
    public let event: String
    /// What it speaks of, by the gateway's name: a refund, or a payment intent.
    public let subject: String
    /// The refund, where it is one.
    public let refund: RefundID?

    public struct Output: Codable, Sendable, Equatable {
        /// As ``PaymentState`` or ``RefundState``; nil for what is none of ours.
        public let state: String?
    }
}
