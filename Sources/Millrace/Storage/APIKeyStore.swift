// SPDX-License-Identifier: Apache-2.0

/// Where the keys of the HTTP API are kept.
public protocol APIKeyStore: Sendable {
    /// Adds a key; the very same one again changes nothing.
    /// - Throws: `.rejected` when the id is another key's, or ``Limits/apiKeysMax`` are kept already.
    func addAPIKey(_ key: APIKey) async throws(LedgerError)

    /// All keys by their ids, with those that have expired or were revoked less than ``Limits/apiKeyRetention`` ago.
    func apiKeys() async throws(LedgerError) -> [APIKey]

    /// Revokes a key for good; the time of the first time stands. False when there is no such key.
    func revokeAPIKey(_ id: APIKeyID) async throws(LedgerError) -> Bool
}
