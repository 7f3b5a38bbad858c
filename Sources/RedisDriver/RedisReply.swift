// SPDX-License-Identifier: Apache-2.0

/// A reply of Redis (RESP2).
///
/// A bulk is a byte array of its own and not a slice of the receive buffer: the reader hands out pointers into its own
/// memory, so one copy is needed anyway, and an array is one allocation where a `ByteBuffer` is two.
package enum RedisReply: Hashable, Sendable {
    case simple(String)
    /// The whole text of an error. Only inside an array: an error reply of its own is thrown.
    case error(String)
    case integer(Int)
    case bulk([UInt8])
    case array([RedisReply])
    case null
}

/// Typed access; `what` names the reply in the error's message.
extension RedisReply {
    /// - Throws: `.unexpectedReply` when it is no integer.
    package func asInteger(_ what: StaticString = "reply") throws(RedisError) -> Int {
        guard case .integer(let value) = self else { throw mismatch(what, "an integer") }
        return value
    }

    /// The bytes of a bulk or of a simple string.
    /// - Throws: `.unexpectedReply` when it is neither.
    package func asBytes(_ what: StaticString = "reply") throws(RedisError) -> [UInt8] {
        switch self {
        case .bulk(let bytes): return bytes
        case .simple(let text): return Array(text.utf8)
        default: throw mismatch(what, "a string")
        }
    }

    /// As ``asBytes(_:)``, or nil for a null reply.
    /// - Throws: `.unexpectedReply` when it is neither a string nor null.
    package func asOptionalBytes(_ what: StaticString = "reply") throws(RedisError) -> [UInt8]? {
        if case .null = self { return nil }
        return try asBytes(what)
    }

    /// A string; bytes that are no UTF-8 are replaced.
    /// - Throws: `.unexpectedReply` when it is no string.
    package func asText(_ what: StaticString = "reply") throws(RedisError) -> String {
        if case .simple(let text) = self { return text }
        return String(decoding: try asBytes(what), as: UTF8.self)
    }

    /// - Throws: `.unexpectedReply` when it is no array.
    package func asArray(_ what: StaticString = "reply") throws(RedisError) -> [RedisReply] {
        guard case .array(let elements) = self else { throw mismatch(what, "an array") }
        return elements
    }

    /// An array of exactly `count` elements.
    /// - Throws: `.unexpectedReply` when it is no array, or has another number of elements.
    package func asArray(count: Int, _ what: StaticString = "reply") throws(RedisError) -> [RedisReply] {
        let elements = try asArray(what)
        guard elements.count == count else { throw mismatch(what, "an array of \(count) elements") }
        return elements
    }

    private func mismatch(_ what: StaticString, _ expected: String) -> RedisError {
        RedisError(.unexpectedReply, "\(what): expected \(expected), got \(summary)")
    }

    /// The type and size, never the content.
    private var summary: String {
        switch self {
        case .simple: "a simple string"
        case .error(let text): "the error \(RedisError.Code(reply: text))"
        case .integer: "an integer"
        case .bulk(let bytes): "a string of \(bytes.count) bytes"
        case .array(let elements): "an array of \(elements.count) elements"
        case .null: "null"
        }
    }
}
