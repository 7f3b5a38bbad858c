// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// One argument of a command: a string of bytes. Holding it costs no copy.
package enum RedisArgument: Hashable, Sendable {
    case text(String)
    case bytes([UInt8])
    case integer(Int)
}

extension RedisArgument: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
}

extension RedisArgument {
    package init(_ text: String) { self = .text(text) }
    package init(_ bytes: [UInt8]) { self = .bytes(bytes) }
    package init(_ integer: Int) { self = .integer(integer) }
}

/// A command and its arguments: `RedisCommand("SET", key, .bytes(value))`.
package struct RedisCommand: Hashable, Sendable {
    package let arguments: [RedisArgument]

    /// - Parameter arguments: the command's name first.
    package init(_ arguments: [RedisArgument]) { self.arguments = arguments }

    package init(_ arguments: RedisArgument...) { self.arguments = arguments }

    /// The command's name, for messages: never an argument, which may be secret.
    var label: String {
        if case .text(let name)? = arguments.first { name } else { "command" }
    }
}

extension RedisCommand: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: RedisArgument...) { self.arguments = elements }
}

// MARK: RESP

extension RedisCommand {
    /// An upper bound of the encoded size in bytes, at most 24 bytes an argument too high.
    var byteCountMax: Int {
        arguments.reduce(RESPWriter.headerBytesMax) { $0 + $1.payloadBytesMax + RESPWriter.headerBytesMax }
    }

    /// Appends the command, as an array of bulk strings, to `buffer`.
    func encode(into buffer: inout ByteBuffer, byteCountMax: Int) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCountMax) { memory in
            var writer = RESPWriter(memory: memory)
            writer.header(UInt8(ascii: "*"), arguments.count)
            for argument in arguments {
                switch argument {
                case .bytes(let bytes): bytes.withUnsafeBytes { writer.bulk($0) }
                case .integer(let value): writer.bulk(value)
                case .text(let text): writer.bulk(text)
                }
            }
            return writer.count
        }
    }
}

extension RedisArgument {
    fileprivate var payloadBytesMax: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .text(let text): text.utf8.count
        case .integer: 20
        }
    }
}

/// Writes RESP to raw memory that the caller has made big enough.
private struct RESPWriter {
    /// One type byte, 19 digits, and the two line ends of a bulk string.
    static let headerBytesMax = 24

    let memory: UnsafeMutableRawBufferPointer
    var count = 0

    mutating func header(_ type: UInt8, _ value: Int) {
        byte(type)
        digits(value)
        lineEnd()
    }

    mutating func bulk(_ bytes: UnsafeRawBufferPointer) {
        header(UInt8(ascii: "$"), bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
        lineEnd()
    }

    mutating func bulk(_ text: String) {
        let isContiguous: Void? = text.utf8.withContiguousStorageIfAvailable { bulk(UnsafeRawBufferPointer($0)) }
        if isContiguous == nil { Array(text.utf8).withUnsafeBytes { bulk($0) } }
    }

    mutating func bulk(_ value: Int) {
        header(UInt8(ascii: "$"), Self.digitCount(value))
        digits(value)
        lineEnd()
    }

    private mutating func byte(_ value: UInt8) {
        memory[count] = value
        count += 1
    }

    private mutating func lineEnd() {
        byte(UInt8(ascii: "\r"))
        byte(UInt8(ascii: "\n"))
    }

    private mutating func digits(_ value: Int) {
        let length = Self.digitCount(value)
        var rest = value.magnitude
        var position = count + length
        repeat {
            position -= 1
            memory[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if value < 0 { memory[count] = UInt8(ascii: "-") }
        count += length
    }

    private static func digitCount(_ value: Int) -> Int {
        var length = value < 0 ? 2 : 1
        var rest = value.magnitude / 10
        while rest > 0 {
            length += 1
            rest /= 10
        }
        return length
    }
}
