// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

extension APIRequest {
    /// An object with more is not looked into: a body can hold millions.
    private static let membersMax = 64

    /// Hands the JSON object that the body consists of to `use`; returns what that read, and the body's bytes.
    ///
    /// - Parameters:
    ///   - limit: bytes of the body.
    ///   - known: its members' names; another is a fault.
    ///   - use: reads what it needs and notes what is wrong with it; nil only where it found a fault.
    /// - Throws: a problem that tells all faults, whatever `use` made of the object.
    package func withJSONObject<Value: Sendable>(
        upTo limit: Int, known: [String],
        _ use: (_ members: MemberReader, _ faults: inout Faults) throws(Problem) -> Value?
    ) async throws(Problem) -> (value: Value, bytes: [UInt8]) {
        try expectJSON()
        return try await body.withBytes(upTo: limit) { (bytes) throws(Problem) -> (value: Value, bytes: [UInt8]) in
            let text = try Self.json(bytes, nestingMax: Limits.nestingMax)
            guard text.root.kind == .object else {
                throw Problem(
                    .invalidField, Faults(Fault("", "expected an object, not \(text.root.kind.withArticle)")))
            }
            let given = text.members(of: text.root, atMost: Self.membersMax)
            guard given.count < Self.membersMax else {
                throw Problem(.invalidField, Faults(Fault("", "\(Self.membersMax) members or more")))
            }
            var faults = Faults()
            let members = MemberReader(given, in: text, known: known, &faults)
            let value = try use(members, &faults)
            guard let value, faults.isEmpty else { throw Problem(.invalidField, faults) }
            return (value, bytes)
        }
    }

    func expectJSON() throws(Problem) {
        guard mediaType == "application/json" else { throw .mediaType(self, expected: "application/json") }
    }

    static func json(_ bytes: [UInt8], nestingMax: Int) throws(Problem) -> JSONText {
        do throws(JSONError) {
            return try JSONText(checking: bytes, nestingMax: nestingMax)
        } catch {
            throw Problem(.malformedJSON, Faults(Fault(error.pointer, error.told)))
        }
    }
}

extension Problem {
    static func mediaType(_ request: APIRequest, expected: String) -> Problem {
        let seen = request.headers[.contentType].map(\.quoted) ?? "missing"
        return Problem(
            .unsupportedMediaType,
            "the Content-Type is \(seen), expected \(expected) (curl: --json '{…}', or -H 'content-type: application/json')"
        )
    }
}
