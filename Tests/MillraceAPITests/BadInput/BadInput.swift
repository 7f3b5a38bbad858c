// SPDX-License-Identifier: Apache-2.0

/// A request that must be refused, and how.
///
/// The table of these knows nothing of how the server is run: it is for any base URL whose server knows the kind
/// `hello.greet`, whose payload is `{"name": string, "count"?: integer}`.
struct BadInput: Sendable, CustomStringConvertible {
    /// Where the problem document must say that the fault is.
    enum Place: Sendable, Equatable {
        case nowhere
        case pointer(String)
        case parameter(String)
        case header(String)
        /// A pointer within an NDJSON body, and its line.
        case line(Int, String)
    }

    let description: String
    var method = "POST"
    var path = "/v1/jobs"
    var headers = [("Content-Type", "application/json")]
    var body: [UInt8]? = nil
    /// The whole request, where it is not even HTTP; `{key}` stands for a key that is good.
    var raw: String? = nil
    let status: Int
    /// The last part of the document's `type`; nil where the answer is not ours.
    let type: String?
    var place = Place.nowhere
    /// What the document must say somewhere.
    var says: String? = nil
    /// Only for a server with the pool `mail`.
    var needsPool = false
}

extension BadInput {
    /// A submission that is no JSON.
    static func malformed(_ description: String, _ body: String, at pointer: String = "") -> BadInput {
        malformed(description, Array(body.utf8), at: pointer)
    }

    static func malformed(_ description: String, _ body: [UInt8], at pointer: String = "") -> BadInput {
        BadInput(
            description: description, body: body, status: 400, type: "malformed-json", place: .pointer(pointer))
    }

    /// A submission whose payload's `name` has bytes that make it no JSON.
    static func malformedName(_ description: String, _ name: [UInt8]) -> BadInput {
        malformed(
            description, Array(#"{"kind":"hello.greet","payload":{"name":""#.utf8) + name + Array(#""}}"#.utf8),
            at: "/payload/name")
    }

    /// A submission with a member that is not what it should be.
    static func invalid(_ description: String, _ member: String, at pointer: String, says: String? = nil) -> BadInput {
        invalidBody(
            description, #"{"kind":"hello.greet","payload":{"name":"x"},\#(member)}"#, at: pointer, says: says)
    }

    static func invalidBody(_ description: String, _ body: String, at pointer: String, says: String? = nil) -> BadInput
    {
        BadInput(
            description: description, body: Array(body.utf8), status: 422, type: "invalid-field",
            place: .pointer(pointer), says: says)
    }

    static func get(
        _ description: String, _ path: String, _ status: Int, _ type: String, _ place: Place = .nowhere
    ) -> BadInput {
        BadInput(
            description: description, method: "GET", path: path, headers: [], status: status, type: type, place: place)
    }

    static func request(
        _ description: String, _ method: String, _ path: String, _ body: String? = nil, _ status: Int, _ type: String,
        _ place: Place = .nowhere, says: String? = nil, needsPool: Bool = false
    ) -> BadInput {
        BadInput(
            description: description, method: method, path: path, body: body.map { Array($0.utf8) }, status: status,
            type: type, place: place, says: says, needsPool: needsPool)
    }

    static func header(
        _ description: String, _ headers: [(String, String)], _ status: Int, _ type: String, _ place: Place = .nowhere
    ) -> BadInput {
        let isTyped = headers.contains { $0.0 == "Content-Type" }
        return BadInput(
            description: description, headers: (isTyped ? [] : [("Content-Type", "application/json")]) + headers,
            body: Array(#"{"kind":"hello.greet","payload":{"name":"x"}}"#.utf8), status: status, type: type,
            place: place)
    }

    static func batch(
        _ description: String, _ body: String, _ status: Int, _ type: String, _ place: Place, lines: Bool = false,
        says: String? = nil
    ) -> BadInput {
        BadInput(
            description: description, path: "/v1/jobs:batch",
            headers: [("Content-Type", lines ? "application/x-ndjson" : "application/json")], body: Array(body.utf8),
            status: status, type: type, place: place, says: says)
    }

    static func raw(_ description: String, _ request: String, _ status: Int, _ type: String? = nil) -> BadInput {
        BadInput(description: description, raw: request, status: status, type: type)
    }
}
