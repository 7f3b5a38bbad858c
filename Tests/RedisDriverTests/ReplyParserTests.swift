// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import RedisDriver

@Suite struct ReplyParserTests {
    /// Every type, nested, and its wire form.
    private static let wire =
        "*7\r\n+OK\r\n-WRONGTYPE no\r\n:-42\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n"
        + "*3\r\n*0\r\n$0\r\n\r\n:9223372036854775807\r\n"
    private static let value = RedisReply.array([
        .simple("OK"), .error("WRONGTYPE no"), .integer(-42), .bulk(Array("a\r\nbc".utf8)), .null, .null,
        .array([.array([]), .bulk([]), .integer(.max)]),
    ])

    private func parse(_ pieces: [some Sequence<UInt8>], replyBytesMax: Int = 1 << 20) throws -> [RedisReply] {
        let parser = try ReplyParser(replyBytesMax: replyBytesMax)
        var replies: [RedisReply] = []
        for piece in pieces {
            try parser.feed(ByteBuffer(bytes: piece))
            while let reply = try parser.next() { replies.append(reply) }
        }
        return replies
    }

    @Test func `reads every type, nested`() throws {
        #expect(try parse([Self.wire.utf8]) == [Self.value])
    }

    @Test func `reads the same whichever byte splits it`() throws {
        let bytes = Array((Self.wire + "+next\r\n").utf8)

        for cut in 0...bytes.count {
            #expect(try parse([bytes[..<cut], bytes[cut...]]) == [Self.value, .simple("next")])
        }
        #expect(try parse(bytes.map { [$0] }) == [Self.value, .simple("next")])
    }

    @Test func `reads many replies in one buffer`() throws {
        let replies = try parse([(0..<10_000).map { ":\($0)\r\n$3\r\nabc\r\n" }.joined().utf8])

        #expect(replies == (0..<10_000).flatMap { [.integer($0), .bulk(Array("abc".utf8))] })
    }

    @Test func `replaces bytes that are no UTF-8 in errors and simple strings`() throws {
        #expect(try parse([[0x2B, 0xFF, 0x0D, 0x0A]]) == [.simple("\u{FFFD}")])
    }

    @Test func `refuses arrays nested deeper than the reader can`() throws {
        let eight = String(repeating: "*1\r\n", count: 8)

        #expect(throws: Never.self) { try parse([(eight + ":1\r\n").utf8]) }
        #expect { try parse([(eight + "*1\r\n:1\r\n").utf8]) } throws: {
            ($0 as? RedisError)?.code == .protocolViolation
        }
    }

    @Test func `refuses a reply above its limit, whole or in pieces`() throws {
        let big = Array("*2\r\n$900\r\n\(String(repeating: "x", count: 900))\r\n$900\r\n".utf8)

        #expect { try parse([big], replyBytesMax: 800) } throws: { ($0 as? RedisError)?.code == .protocolViolation }
        #expect { try parse(big.map { [$0] }, replyBytesMax: 800) } throws: {
            ($0 as? RedisError)?.code == .protocolViolation
        }
        #expect(
            try parse(
                [[UInt8]](repeating: Array("$900\r\n\(String(repeating: "x", count: 900))\r\n".utf8), count: 9),
                replyBytesMax: 1000
            ).count == 9)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n\r\n", "$-2\r\n", "$x\r\n", "*-2\r\n", "*99999999999999999999\r\n", ":1x\r\n",
        ":\r\n",
        ":9223372036854775808\r\n", "%1\r\n+a\r\n+b\r\n", "\r\n", "\0\0\0\0",
    ])
    func `refuses what is no RESP2`(_ rubbish: String) throws {
        #expect { try parse([rubbish.utf8]) } throws: { ($0 as? RedisError)?.code == .protocolViolation }
    }

    @Test func `an array's claimed length costs nothing until its elements come`() throws {
        #expect(try parse(["*2147483647\r\n:1\r\n".utf8]) == [])
        #expect(try parse(["$9223372036854775807\r\nabc".utf8]) == [])
    }

    @Test func `survives random damage`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(state: seed)
        let bytes = Array(String(repeating: Self.wire, count: 3).utf8)

        for _ in 0..<20_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let alphabet = Array("*$:+-0123456789\r\n\0\u{FF}x".utf8)
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = alphabet.randomElement(
                    using: &generator)!
            }
            let cut = Int.random(in: 0...damaged.count, using: &generator)
            do {
                _ = try parse([damaged[..<cut], damaged[cut...]])
            } catch {
                #expect((error as? RedisError)?.code == .protocolViolation, "seed \(seed)")
            }
        }
    }
}

struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
