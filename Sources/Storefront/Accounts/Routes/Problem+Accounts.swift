// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Problem.Kind {
    static let emailTaken = Problem.Kind("email-taken", "The address has an account", 409)
    static let tooManyAttempts = Problem.Kind("too-many-attempts", "Too many attempts", 429)
    static let wrongCredentials = Problem.Kind("wrong-credentials", "Wrong address or password", 401)
}

extension Problem {
    /// Says not which of the two it is.
    static var wrongCredentials: Problem {
        var problem = Problem(.wrongCredentials, "there is no account of this address and password")
        problem.challenge = "Bearer"
        return problem
    }

    static func tooManyAttempts(retryAfter: Duration) -> Problem {
        var problem = Problem(.tooManyAttempts, "this was tried too often; another attempt is possible a little later")
        problem.retryAfter = Int(retryAfter.components.seconds)
        return problem
    }
}
