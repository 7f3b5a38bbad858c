// SPDX-License-Identifier: Apache-2.0

/// A text that goes into a header: a subject, a name, the name of a file.
///
/// It is one line. A line break within it would end the header and begin another, of whoever wrote the text.
public struct HeaderText: Hashable, Sendable, Codable, CustomStringConvertible {
    public let description: String

    /// - Throws: ``EmailError`` with `.invalid`.
    public init(_ text: String) throws(EmailError) {
        guard 1...EmailLimits.headerBytesMax ~= text.utf8.count else {
            throw EmailError(
                .invalid, "\(text.utf8.count) bytes; 1 to \(EmailLimits.headerBytesMax) are taken")
        }
        // Those that Unicode counts as line breaks, too, whatever a reader makes of them.
        guard !text.unicodeScalars.contains(where: { $0.properties.isControl || $0.properties.isLineBreak }) else {
            throw EmailError(.invalid, "there is a line break or another control character in it")
        }
        description = text
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(EmailError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control }
    fileprivate var isLineBreak: Bool { generalCategory == .lineSeparator || generalCategory == .paragraphSeparator }
}
