// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI

extension APIRequest {
    /// Reads a request that is to move money: what it wants, its body's bytes, and its idempotency key.
    ///
    /// - Parameters:
    ///   - hasGateway: whether this process knows a gateway: what is accepted should have a chance to be carried out.
    ///   - known: the names of the body's members.
    ///   - wanted: reads the body; nil when it found faults, which it has noted then.
    func readPayment<Wanted: Sendable>(
        hasGateway: Bool, known: [String], _ wanted: (MemberReader, inout Faults) -> Wanted?
    ) async throws(Problem) -> (Wanted, [UInt8], IdempotencyKey?) {
        guard hasGateway else { throw Problem.unset(GatewayConfiguration.keyVariable).closing }
        _ = try query()
        // First of all, and without a word of what was found: no fault may quote it.
        guard !headers[values: .idempotencyKey].contains(where: CardNumber.isIn(key:)) else {
            throw Problem(.cardNumber, "the header Idempotency-Key has what looks like a card number").closing
        }
        let key = try IdempotencyKey(self)
        let (value, bytes) = try await withJSONObject(upTo: PaymentLimits.requestBytesMax, known: known) {
            (members, faults) throws(Problem) in
            guard !CardNumber.isIn(members.text) else {
                throw Problem(
                    .cardNumber, "the body has what looks like a card number: send a payment method's token, pm_…")
            }
            return wanted(members, &faults)
        }
        return (value, bytes, key)
    }
}
