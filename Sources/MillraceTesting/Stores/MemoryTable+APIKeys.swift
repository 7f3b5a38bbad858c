// SPDX-License-Identifier: Apache-2.0

import Millrace

extension MemoryTable {
    mutating func addAPIKey(_ key: APIKey) throws(LedgerError) {
        if let other = apiKeys[key.id] {
            guard other.digest == key.digest else { throw LedgerError(.rejected, "another key has the id \(key.id)") }
            return
        }
        guard apiKeys.count < Limits.apiKeysMax else {
            throw LedgerError(.rejected, "\(apiKeys.count) API keys are kept, at most \(Limits.apiKeysMax)")
        }
        apiKeys[key.id] = key
    }

    mutating func revokeAPIKey(_ id: APIKeyID, now: Timestamp) -> Bool {
        guard let key = apiKeys[id] else { return false }
        apiKeys[id]?.revokedAt = key.revokedAt ?? now
        return true
    }

    mutating func forgetAPIKeys(now: Timestamp) {
        apiKeys = apiKeys.filter { _, key in
            let end = [key.expiresAt, key.revokedAt].compactMap(\.self).min()
            return end.map { now - $0 < Limits.apiKeyRetention } ?? true
        }
    }
}
