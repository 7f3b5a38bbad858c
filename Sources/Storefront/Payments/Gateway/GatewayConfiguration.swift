// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace

/// Where the gateway is, and by which secrets it and this process know each other: out of the environment alone.
struct GatewayConfiguration: Sendable {
    static let keyVariable = "STRIPE_SECRET_KEY"
    static let webhookVariable = "STRIPE_WEBHOOK_SECRET"
    static let addressVariable = "STRIPE_API_BASE"
    private static let defaultAddress = "https://api.stripe.com"

    /// Without a slash at its end.
    let address: String
    let key: Secret
    /// nil where no webhooks are taken.
    let webhookSecret: Secret?

    init(address: String, key: Secret, webhookSecret: Secret?) {
        self.address = address
        self.key = key
        self.webhookSecret = webhookSecret
    }

    /// nil when the environment has no key.
    /// - Throws: what is wrong with a variable; never its value.
    init?(environment: [String: String]) throws(GatewayError) {
        guard let key = environment[Self.keyVariable], !key.isEmpty else { return nil }
        guard key.hasPrefix("sk_") || key.hasPrefix("rk_"), key.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw GatewayError(.misconfigured, "\(Self.keyVariable): expected a secret key, sk_… or rk_…")
        }
        self.key = Secret(key)
        webhookSecret = environment[Self.webhookVariable].flatMap { $0.isEmpty ? nil : Secret($0) }
        let address = environment[Self.addressVariable].flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultAddress
        guard Self.mayCarrySecrets(address) else {
            throw GatewayError(
                .misconfigured,
                "\(Self.addressVariable): expected https://… without a path, or http:// and a loopback address")
        }
        self.address = address
    }

    /// The key goes with each request: in plain text it must not leave this machine.
    private static func mayCarrySecrets(_ address: String) -> Bool {
        guard let url = URL(string: address), let host = url.host, url.path.isEmpty, url.query == nil, url.user == nil
        else { return false }
        return url.scheme == "https"
            || (url.scheme == "http" && ["127.0.0.1", "localhost", "::1", "[::1]"].contains(host))
    }
}
