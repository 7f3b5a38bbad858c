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
    init(rawKind kind: JobKind, options: JobOptions) {
        self.kind = kind
        self.options = options
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
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        guard let unixMilliseconds = Int64(exactly: milliseconds) else {
            let context = EncodingError.Context(
                codingPath: encoder.codingPath, debugDescription: "a time beyond all years")
            throw EncodingError.invalidValue(date, context)
        }
        try container.encode(Timestamp(unixMilliseconds: unixMilliseconds).rfc3339)
    }
    return try Array(encoder.encode(value))
}

extension Job {
    package static func decoded(from payload: [UInt8]) throws(PayloadError) -> Self {
        try PayloadDecoding.decode(Self.self, from: payload)
    }
}

/// Reads JSON into a Swift type, and says what does not fit in the words of whoever wrote the JSON.
package enum PayloadDecoding {
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from payload: [UInt8]
    ) throws(PayloadError) -> Value {
        do {
            return try decodedJSON(payload)
        } catch let error as DecodingError {
            throw PayloadError(error, payload: payload) { other in
                do {
                    let _: Value = try decodedJSON(other)
                } catch DecodingError.dataCorrupted(let context) {
                    return context.codingPath.isEmpty
                } catch {
                    return false
                }
                return false
            }
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
        guard let time = Timestamp(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected a time such as 2026-05-04T03:02:01Z (RFC 3339)")
        }
        return Date(timeIntervalSince1970: Double(time.unixMilliseconds) / 1000)
    }
    return try decoder.decode(Value.self, from: Data(json))
}
