// SPDX-License-Identifier: Apache-2.0

/// A program's right to use the HTTP API, as the ledger keeps it: the secret itself is nowhere.
public struct APIKey: Sendable, Equatable {
    public enum State: String, Sendable {
        case active, expired, revoked
    }

    public var id: APIKeyID
    /// What people call it by, 1 to 64 bytes.
    public var name: String
    /// SHA-256 of the secret, 32 bytes. A plain hash is enough, as the secret is 256 random bits: there is nothing to guess.
    public var digest: [UInt8]
    public var scopes: Set<APIScope>
    /// The queues that it is for; nil for all.
    public var queues: Set<QueueName>?
    /// Requests a second that each process of the API takes from it; nil for the process's own default.
    public var requestsPerSecond: Int?
    public var createdAt: Timestamp
    /// nil for never.
    public var expiresAt: Timestamp?
    public var revokedAt: Timestamp?

    public init(
        id: APIKeyID, name: String, digest: [UInt8], scopes: Set<APIScope>, queues: Set<QueueName>? = nil,
        requestsPerSecond: Int? = nil, createdAt: Timestamp, expiresAt: Timestamp? = nil, revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.digest = digest
        self.scopes = scopes
        self.queues = queues
        self.requestsPerSecond = requestsPerSecond
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    public func state(at now: Timestamp) -> State {
        if revokedAt != nil { return .revoked }
        return expiresAt.map { $0 <= now } ?? false ? .expired : .active
    }

    public func allows(_ scope: APIScope) -> Bool {
        scopes.contains { $0.includes(scope) }
    }

    public func isFor(_ queue: QueueName) -> Bool {
        queues?.contains(queue) ?? true
    }
}

/// Names a key without giving it away: 8 characters of `[a-z0-9]`.
public struct APIKeyID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let length = 8
    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)

    public let description: String

    /// nil when the text breaks the rule.
    public init?(_ text: String) {
        guard text.utf8.count == Self.length, text.utf8.allSatisfy(Self.alphabet.contains) else { return nil }
        description = text
    }

    /// A new one, out of 2.8 trillion.
    public init(using generator: inout some RandomNumberGenerator) {
        let characters = (0..<Self.length).map { _ in Self.alphabet.randomElement(using: &generator) ?? 0x30 }
        description = String(decoding: characters, as: UTF8.self)
    }

    public static func < (left: APIKeyID, right: APIKeyID) -> Bool { left.description < right.description }
}
