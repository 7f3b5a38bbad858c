// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import Testing

/// Texts at random: none may bring the scanner down, and what it takes must be what Swift's decoder takes too.
@Suite("JSON at random") struct JSONFuzzTests {
    /// Any JSON value; numbers are not looked at, since the decoder takes `-0.0E5` and `1e400` for no `Double`.
    private struct Anything: Decodable {
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            if let members = try? decoder.container(keyedBy: Key.self) {
                for key in members.allKeys { _ = try members.decode(Anything.self, forKey: key) }
            } else if var elements = try? decoder.unkeyedContainer() {
                while !elements.isAtEnd { _ = try elements.decode(Anything.self) }
            } else {
                let value = try decoder.singleValueContainer()
                if value.decodeNil() || (try? value.decode(Bool.self)) != nil { return }
                do {
                    _ = try value.decode(String.self)
                } catch DecodingError.typeMismatch {
                    return
                }
            }
        }
    }

    private static let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "\\ude00", "0", "1", "-", ".", "e", "E", "+", "true",
        "false",
        "null", " ", "\n", "\t", "a", "é", "😀", "\u{0}", "\u{1F}", "\"a\"", "\"b\":", "12.5", "\u{FEFF}",
    ].map { Array($0.utf8) }
    private static let seeds = [
        #"{"a":[1,2.5e-3,{"b":"\u00e9\ud83d\ude00","c":null}],"d":true,"é":"x"}"#, #"[[],{},[{}],"","\\\"",-0.0,1E5]"#,
        #"  {"kind" : "hello.greet" , "payload":{"name":"Ada"}}  "#,
    ].map { Array($0.utf8) }

    private static func read(_ text: JSONText, _ value: JSONValue) {
        _ = (text.string(value), text.integer(value), text.raw(value), text.nesting(of: value))
        for member in text.members(of: value) { read(text, member.value) }
        for element in text.elements(of: value) { read(text, element) }
    }

    private static func probe(_ bytes: [UInt8], _ seed: UInt64) {
        do throws(JSONError) {
            let text = try JSONText(checking: bytes, nestingMax: 64)
            read(text, text.root)
            #expect(
                (try? JSONDecoder().decode(Anything.self, from: Data(bytes))) != nil,
                "the decoder refuses \(String(decoding: bytes, as: UTF8.self)), seed \(seed)")
        } catch {
            #expect(0...bytes.count ~= error.offset, "\(bytes), seed \(seed)")
        }
    }

    @Test func `texts of random pieces`() {
        let seed = UInt64.random(in: .min ... .max)
        var random = Generator(state: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &random)
            let pieces = (0..<count).flatMap { _ in Self.pieces.randomElement(using: &random) ?? [] }
            Self.probe(pieces, seed)
        }
    }

    @Test func `good texts with random damage`() {
        let seed = UInt64.random(in: .min ... .max)
        var random = Generator(state: seed)
        for _ in 0..<20_000 {
            var bytes = Self.seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            Self.probe(bytes, seed)
        }
    }

    /// SplitMix64, so that a seed says it all.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}
