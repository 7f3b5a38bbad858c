// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Fields as `application/x-www-form-urlencoded`, in the order in which they were given: a request that is repeated is the
/// same, byte for byte.
struct FormBody: ExpressibleByDictionaryLiteral, Sendable {
    private(set) var text = ""

    init(dictionaryLiteral fields: (String, String)...) {
        text = fields.map { "\(Self.encoded($0))=\(Self.encoded($1))" }.joined(separator: "&")
    }

    /// All but letters, digits, `-`, `_` and `.` becomes `%` and two digits.
    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { encoded, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + Hexadecimal.digits(of: [byte]).uppercased()
            }
        }
    }
}
