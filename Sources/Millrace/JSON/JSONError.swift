// SPDX-License-Identifier: Apache-2.0

/// Why a text is not JSON, or not JSON that Millrace takes.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String
    /// Bytes before the fault.
    package let offset: Int
    /// JSON pointer (RFC 6901) of the innermost value that the fault is in; long names in it are cut.
    package let pointer: String

    package var description: String {
        "\(reason) (byte \(offset)\(pointer.isEmpty ? "" : ", in \(pointer)"))"
    }
}

/// Finds out which value of a text an offset lies in.
///
/// The text before the offset must be the beginning of a JSON text. Only a fault asks for this, so the scanner itself
/// keeps no path.
enum JSONPath {
    private static let nameBytesMax = 64

    private enum Step {
        case element(Int)
        /// nil between a comma and the next name.
        case member(Range<Int>?)
    }

    static func pointer(to offset: Int, in bytes: [UInt8], from start: Int) -> String {
        steps(to: min(offset, bytes.count), in: bytes, from: start).reduce(into: "") { pointer, step in
            switch step {
            case .element(let index): pointer += "/\(index)"
            case .member(nil): break
            case .member(let name?):
                // A cut may split an escape or a character, which the decoding then repairs.
                let name = name.prefix(nameBytesMax)
                pointer += "/" + PayloadError.escaped(JSONText.unescaped(bytes[name.startIndex..<name.endIndex]))
            }
        }
    }

    private static func steps(to offset: Int, in bytes: [UInt8], from start: Int) -> [Step] {
        var steps: [Step] = []
        var position = start
        while position < offset {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "{"): steps.append(.member(nil))
            case UInt8(ascii: "["): steps.append(.element(0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = steps.popLast()
            case UInt8(ascii: ","):
                switch steps.popLast() {
                case .element(let index): steps.append(.element(index + 1))
                case .member: steps.append(.member(nil))
                case nil: break
                }
            case UInt8(ascii: "\""):
                let end = JSONText.endOfString(at: position, in: bytes, before: offset)
                if case .member(nil) = steps.last, end <= offset, bytes[end - 1] == UInt8(ascii: "\""),
                    end > position + 1
                {
                    steps[steps.count - 1] = .member(position + 1..<end - 1)
                }
                position = end
                continue
            default: break
            }
            position += 1
        }
        return steps
    }
}
