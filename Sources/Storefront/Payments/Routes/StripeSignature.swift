// SPDX-License-Identifier: Apache-2.0

import Crypto
import Millrace

/// The header `Stripe-Signature`: `t=1732332000,v1=5257a869…`, with several `v1` while the secret is being replaced.
///
/// Each is the HMAC-SHA256 of `t`, a full stop and the body.
struct StripeSignature: Sendable {
    private static let signaturesMax = 16

    private let timestamp: String
    private let time: Timestamp
    private let signatures: [[UInt8]]

    /// nil unless there are a time and a signature of a scheme that is known.
    init?(_ header: String) {
        var timestamp: String?
        var signatures: [[UInt8]] = []
        for part in header.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            switch pair[0] {
            case "t": timestamp = timestamp ?? String(pair[1])
            case "v1" where signatures.count < Self.signaturesMax:
                if let signature = Self.bytes(pair[1]) { signatures.append(signature) }
            default: break
            }
        }
        guard let timestamp, !signatures.isEmpty, timestamp.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let seconds = Int64(timestamp), seconds < Int64.max / 1000
        else { return nil }
        self.timestamp = timestamp
        time = Timestamp(unixMilliseconds: seconds * 1000)
        self.signatures = signatures
    }

    /// How long ago it was made; negative when that lies ahead.
    func age(at now: Timestamp) -> Duration { now - time }

    /// Whether it was made not too long ago.
    func isCurrent(at now: Timestamp) -> Bool {
        let age = self.age(at: now)
        return age <= PaymentLimits.signatureTolerance && age >= .zero - PaymentLimits.signatureTolerance
    }

    /// Whether the body was signed with the secret. Each comparison takes the same time, wherever it fails.
    func isValid(for body: [UInt8], secret: Secret) -> Bool {
        let key = SymmetricKey(data: Array(secret.revealed.utf8))
        let signed = Array("\(timestamp).".utf8) + body
        return signatures.contains { signature in
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: signed, using: key)
        }
    }

    /// nil unless there are pairs of hexadecimal digits.
    private static func bytes(_ text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Hexadecimal.value(of: digits[index]), let low = Hexadecimal.value(of: digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
