// SPDX-License-Identifier: Apache-2.0

/// A person's address, with or without a name: in JSON `{"name": "Ana", "address": "ana@example.org"}`, or the address
/// alone as a string.
public struct Mailbox: Hashable, Sendable, Codable {
    public let address: EmailAddress
    /// Shown in place of the address.
    public let name: HeaderText?

    public init(_ address: EmailAddress, name: HeaderText? = nil) {
        self.address = address
        self.name = name
    }

    /// Reads `Ana <ana@example.org>` or `ana@example.org`.
    init(_ text: String) throws(EmailError) {
        guard text.hasSuffix(">"), let bracket = text.lastIndex(of: "<") else {
            self.init(try EmailAddress(text))
            return
        }
        var name = text[..<bracket]
        while let first = name.first, Self.isFrame(first) { name.removeFirst() }
        while let last = name.last, Self.isFrame(last) { name.removeLast() }
        self.init(
            try EmailAddress(String(text[text.index(after: bracket)...].dropLast())),
            name: name.isEmpty ? nil : try HeaderText(String(name)))
    }

    private static func isFrame(_ character: Character) -> Bool { character == " " || character == "\"" }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case address, name
    }

    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.singleValueContainer(), (try? container.decode(String.self)) != nil {
            self.init(try container.decode(EmailAddress.self))
            return
        }
        let members = try decoder.onlyMembers(CodingKeys.self)
        self.init(
            try members.decode(EmailAddress.self, forKey: .address),
            name: try members.decodeIfPresent(HeaderText.self, forKey: .name))
    }
}
