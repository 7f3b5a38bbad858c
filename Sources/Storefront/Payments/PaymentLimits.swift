// SPDX-License-Identifier: Apache-2.0

/// The limits of payments, in one place.
public enum PaymentLimits {
    /// Minor units of one payment. The gateway's own limits are lower, and differ between currencies.
    public static let amountMax: Int64 = 999_999_999_999
    /// Bytes of a request for a payment or a refund.
    static let requestBytesMax = 16 * 1024
    /// Bytes of a webhook.
    static let eventBytesMax = 256 * 1024
    /// Webhooks read at a time: strangers can send any number, and none is known for one before all of it is there.
    static let eventsMax = 32
    /// How old a webhook's signature may be, and how far ahead of this machine's clock.
    static let signatureTolerance: Duration = .seconds(300)
    /// After the first call of the gateway. It forgets idempotency keys after 24 hours; well before that, what has not been
    /// settled is left to people.
    static let askingMax: Duration = .seconds(20 * 3600)
    /// How often the gateway is asked for a payment that it works on, lest the event that would tell was lost.
    static let watchInterval: Duration = .seconds(3600)
    /// After the first call of the gateway: what it works on for longer is left to people.
    static let processingMax: Duration = .seconds(7 * 86_400)
    /// For one call of the gateway.
    static let callTimeout: Duration = .seconds(30)
    /// Bytes of one of its answers.
    static let answerBytesMax = 4 * 1024 * 1024
    /// The longest `Retry-After` that is honoured.
    static let retryAfterMax: Duration = .seconds(3600)
    /// How long an event's id is remembered. A gateway repeats an event for three days.
    static let eventRetention: Duration = .seconds(30 * 86_400)
    /// Refunds that are shown of one payment.
    static let refundsShownMax = 100
}
