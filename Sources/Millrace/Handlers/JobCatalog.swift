// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The kinds of jobs that a process can accept: all that an API needs to know of them.
public struct JobCatalog: Sendable {
    private var definitions: [JobKind: JobDefinition] = [:]

    public init() {}

    /// - Precondition: no other type of the same kind was added.
    public mutating func add<J: Job>(_ type: J.Type) {
        add(JobDefinition(type))
    }

    mutating func add(_ definition: JobDefinition) {
        precondition(
            definitions[definition.kind] == nil, "two types of jobs say that they are of the kind \(definition.kind)")
        definitions[definition.kind] = definition
    }

    /// nil for a kind that this process does not know.
    public func definition(of kind: JobKind) -> JobDefinition? {
        definitions[kind]
    }

    /// All kinds, sorted.
    public var kinds: [JobKind] { definitions.keys.sorted() }
}

/// What is known of a kind without its handler.
public struct JobDefinition: Sendable {
    public let kind: JobKind
    public let options: JobOptions
    private let check: @Sendable ([UInt8]) throws(PayloadError) -> Void

    init<J: Job>(_ type: J.Type) {
        kind = J.kind
        options = J.defaults
        check = { (payload) throws(PayloadError) in _ = try J.decoded(from: payload) }
    }

    /// A kind that takes any JSON.
    init(rawKind kind: JobKind) {
        self.kind = kind
        options = JobOptions()
        check = { (_) throws(PayloadError) in }
    }

    /// Decodes a payload and throws the value away.
    public func checkPayload(_ payload: [UInt8]) throws(PayloadError) {
        try check(payload)
    }
}

/// A payload or a result as it is stored: equal values give equal bytes. A `Date` is RFC 3339 in UTC, to the millisecond.
package func encodedJSON(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .custom { date, encoder in
        var container = encoder.singleValueContainer()
        try container.encode(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }
    return try Array(encoder.encode(value))
}

extension Job {
    package static func decoded(from payload: [UInt8]) throws(PayloadError) -> Self {
        do {
            return try decodedJSON(payload)
        } catch let error as DecodingError {
            throw PayloadError(error)
        } catch {
            throw PayloadError(pointer: "", reason: "\(error)")
        }
    }

}

/// The other way round; a `Date` may come without fractions of a second.
func decodedJSON<Value: Decodable>(_ json: [UInt8]) throws -> Value {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .custom { decoder in
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
            if let date = try? style.parse(text) { return date }
        }
        throw DecodingError.dataCorruptedError(
            in: container, debugDescription: "expected a time such as 2026-05-04T03:02:01Z")
    }
    return try decoder.decode(Value.self, from: Data(json))
}

/// Why a payload is not one of its kind.
public struct PayloadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// JSON pointer (RFC 6901) within the payload; empty for the payload as a whole.
    public let pointer: String
    public let reason: String

    public init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    init(_ error: DecodingError) {
        let (context, missing): (DecodingError.Context, (any CodingKey)?) =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context, nil)
            case .keyNotFound(let key, let context): (context, key)
            @unknown default: (DecodingError.Context(codingPath: [], debugDescription: "\(error)"), nil)
            }
        let path = context.codingPath + (missing.map { [$0] } ?? [])
        pointer = path.map { "/" + ($0.intValue.map(String.init) ?? PayloadError.escaped($0.stringValue)) }.joined()
        reason = missing.map { "the member \"\($0.stringValue)\" is missing" } ?? context.debugDescription
    }

    /// `~` and `/` as RFC 6901 writes them within a member's name.
    package static func escaped(_ member: String) -> String {
        member.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    public var description: String {
        pointer.isEmpty ? "payload: \(reason)" : "payload\(pointer): \(reason)"
    }
}
