// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import RedisDriver

@Suite struct RedisCommandTests {
    private func encoded(_ command: RedisCommand) -> String {
        var buffer = ByteBuffer()
        command.encode(into: &buffer, byteCountMax: command.byteCountMax)
        #expect(buffer.readableBytes <= command.byteCountMax)
        return String(buffer: buffer)
    }

    @Test func `is written as an array of bulk strings`() {
        #expect(
            encoded(["SET", "ключ", .bytes([0x31, 0x0D, 0x0A]), 42])
                == "*4\r\n$3\r\nSET\r\n$8\r\nключ\r\n$3\r\n1\r\n\r\n$2\r\n42\r\n")
    }

    @Test func `writes empty strings and all integers`() {
        #expect(encoded(["", .bytes([]), 0]) == "*3\r\n$0\r\n\r\n$0\r\n\r\n$1\r\n0\r\n")
        #expect(
            encoded([.integer(.min), .integer(.max), -7])
                == "*3\r\n$20\r\n-9223372036854775808\r\n$19\r\n9223372036854775807\r\n$2\r\n-7\r\n")
    }
}

@Suite struct SHA1Tests {
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (String(repeating: "a", count: 1000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
    ])
    func `agrees with the published digests`(_ message: String, _ digest: String) {
        #expect(SHA1.hexDigest(of: Array(message.utf8)) == digest)
    }
}

@Suite struct RedisErrorTests {
    @Test(arguments: [
        ("NOSCRIPT No matching script", "NOSCRIPT"),
        ("READONLY You can't write against a read only replica. script: f, on @user_script:1.", "READONLY"),
        ("LOADING", "LOADING"),
        ("SOMETHING_NEW happened", "SOMETHING_NEW"),
        ("unavailable, says a script", "ERR"),
        ("", "ERR"),
        (": -", "ERR"),
        ("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed", "OOM"),
        ("ERR Error running script (call to f_1): @user_script:1: attempt to index nil", "ERR"),
    ])
    func `the code is the first word, or the wrapped one`(_ text: String, _ code: String) {
        #expect(RedisError(reply: text, to: "EVALSHA").code.rawValue == code)
    }

    @Test func `a reply of the wrong type is named with what was expected`() {
        #expect { try RedisReply.bulk([1, 2]).asInteger("length of the lane") } throws: { error in
            let error = error as? RedisError
            return error?.code == .unexpectedReply
                && error?.message == "length of the lane: expected an integer, got a string of 2 bytes"
        }
    }
}

@Suite struct ReconnectBackoffTests {
    @Test func `delays stay under a ceiling that doubles up to a second`() {
        var backoff = ReconnectBackoff()
        var generator = SplitMix64(state: 1)
        let ceilings = [50, 100, 200, 400, 800, 1000, 1000, 1000]

        for ceiling in ceilings {
            let delay = backoff.next(using: &generator)
            #expect(delay >= .zero && delay <= .milliseconds(ceiling))
        }
    }
}
