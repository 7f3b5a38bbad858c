// SPDX-License-Identifier: Apache-2.0

extension Decoder {
    /// An object's members, of which none may be unknown: a misspelt `attachments` must not become a mail without them.
    func onlyMembers<Key: CodingKey & CaseIterable>(_ type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let given = try container(keyedBy: AnyKey.self)
        let known = Key.allCases.map(\.stringValue)
        for key in given.allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: given,
                debugDescription: "unknown member; known are \(known.joined(separator: ", "))")
        }
        return try container(keyedBy: type)
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) { nil }
}
