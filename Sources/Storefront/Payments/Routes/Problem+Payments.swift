// SPDX-License-Identifier: Apache-2.0

import MillraceAPI

extension Problem.Kind {
    static let cardNumber = Problem.Kind("card-number", "Card numbers are not taken", 422)
    static let refundAboveCharge = Problem.Kind("refund-above-charge", "Refund above the charge", 422)
    static let invalidSignature = Problem.Kind("invalid-signature", "Invalid signature", 400)
    static let gatewayUnset = Problem.Kind("gateway-unset", "No payment gateway", 503)
}

extension Problem {
    static func missing(_ id: PaymentID) -> Problem {
        Problem(.notFound, "there is no payment \(id)")
    }

    /// What a developer sees who has not set up a gateway yet.
    static func unset(_ variable: String) -> Problem {
        var problem = Problem(
            .gatewayUnset,
            "\(variable) is not set in the environment of the API and the workers; README.md, section Payments, says how to try it"
        )
        // Seconds: it takes a person and a restart.
        problem.retryAfter = 60
        return problem
    }
}
