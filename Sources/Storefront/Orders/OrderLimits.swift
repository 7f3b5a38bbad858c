// SPDX-License-Identifier: Apache-2.0

/// The limits of orders, in one place. Their total is limited by ``PaymentLimits/amountMax``.
public enum OrderLimits {
    /// Products of one order.
    public static let linesMax = 50
    /// Of one product in one order.
    public static let quantityMax: Int64 = 1000
    /// How long a customer may take to agree to a payment.
    public static let actionMax: Duration = .seconds(30 * 60)
    /// By how much the clocks of the machines that know of this time may differ.
    static let clockTolerance: Duration = .seconds(60)
    /// How long an order may be pending after nothing looks after it any more.
    static let unattendedMax: Duration = .seconds(86_400)
}
