// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

// What clients send. No problem shows a secret, not even to the one who has sent it.

extension MemberReader {
    func email(_ faults: inout Faults) -> EmailAddress? {
        guard let text = string("email", expected: "an email address", &faults) else { return nil }
        do throws(EmailError) {
            return try EmailAddress(text)
        } catch {
            faults.append(Fault("/email", error.message))
            return nil
        }
    }

    func name(_ faults: inout Faults) -> String? {
        let limit = AccountLimits.nameBytesMax
        return required(
            "name", .string, expected: "a name of 1 to \(limit) bytes, without control characters", &faults
        ) { value in
            text.string(value).flatMap { name in
                1...limit ~= name.utf8.count && !name.unicodeScalars.contains(where: \.isControl) ? name : nil
            }
        }
    }

    /// A password that is tried.
    func password(_ faults: inout Faults) -> Password? {
        guard let text = string("password", expected: "a password", &faults) else { return nil }
        let password = Password(text)
        if password == nil {
            faults.append(
                Fault(
                    "/password",
                    "a password has at most \(AccountLimits.passwordBytesMax) bytes, and no control characters"))
        }
        return password
    }

    /// A password that is chosen.
    func newPassword(_ faults: inout Faults) -> Password? {
        guard let password = password(&faults) else { return nil }
        guard password.length >= AccountLimits.passwordLengthMin else {
            faults.append(
                Fault(
                    "/password",
                    "\(password.length) characters, a password has at least \(AccountLimits.passwordLengthMin)"))
            return nil
        }
        return password
    }

    /// nil when it is left out, too.
    func device(_ faults: inout Faults) -> SecretToken? {
        guard members["device"] != nil, let text = string("device", expected: "a device's token", &faults) else {
            return nil
        }
        let token = SecretToken(text, for: .device)
        if token == nil { faults.append(Fault("/device", "this is not the token of a device")) }
        return token
    }

    func string(_ name: String, expected: String, _ faults: inout Faults) -> String? {
        required(name, .string, expected: expected, &faults) { text.string($0) }
    }
}
