// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

/// Speaks Redis's protocol without a fault, and answers whatever comes to its mind.
final class NonsenseServer: Sendable {
    let port: Int
    private let listener: Int32
    private let generator: Mutex<Generator>

    init(seed: UInt64) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isListening)
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        generator = Mutex(Generator(state: seed))
        Thread.detachNewThread { self.accept() }
    }

    func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { return }
            Thread.detachNewThread { self.serve(client) }
        }
    }

    private func serve(_ client: Int32) {
        defer { Foundation.close(client) }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            received += buffer[..<count]
            var answer: [UInt8] = []
            while let command = Self.nextCommand(&received) { answer += self.answer(to: command) }
            guard answer.isEmpty || send(client, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count else {
                return
            }
        }
    }

    /// Takes a whole command off the front; nil when there is none yet.
    private static func nextCommand(_ bytes: inout [UInt8]) -> [String]? {
        var position = 0
        func number() -> Int? {
            guard let end = bytes[position...].firstIndex(of: 0x0D), end + 1 < bytes.count else { return nil }
            defer { position = end + 2 }
            return Int(String(decoding: bytes[(position + 1)..<end], as: UTF8.self))
        }
        guard !bytes.isEmpty, let count = number() else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard position < bytes.count, let length = number(), position + length + 2 <= bytes.count else {
                return nil
            }
            words.append(String(decoding: bytes[position..<(position + length)], as: UTF8.self))
            position += length + 2
        }
        bytes.removeFirst(position)
        return words
    }

    private func answer(to command: [String]) -> [UInt8] {
        switch command.first {
        case "CLIENT", "AUTH", "SELECT": return Array("+OK\r\n".utf8)
        case "INFO" where generator.withLock({ Int.random(in: 0..<4, using: &$0) > 0 }):
            let number = generator.withLock { $0.number() }
            let text = """
                redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\nrun_id:a\r\nmaster_replid:b\r\n\
                used_memory:\(abs(max(number, -.max)))\r\nmaxmemory:\(number)\r\n
                """
            return Generator.bulk(Array(text.utf8))
        case "SUBSCRIBE":
            let channels = command.dropFirst()
            var answer: [UInt8] = []
            for (index, channel) in channels.enumerated() {
                answer += Array("*3\r\n$9\r\nsubscribe\r\n".utf8) + Generator.bulk(Array(channel.utf8))
                answer += Array(":\(index + 1)\r\n".utf8)
            }
            for _ in 0..<200 {
                answer += Array("*3\r\n$7\r\nmessage\r\n".utf8)
                answer += Generator.bulk(Array((channels.randomElement() ?? "").utf8))
                answer += generator.withLock { Generator.bulk($0.bytes()) }
            }
            return answer
        default: return generator.withLock { $0.reply() }
        }
    }
}

extension NonsenseServer {
    /// Replies that are nearly right, or not at all.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        /// SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        mutating func reply(depth: Int = 0) -> [UInt8] {
            switch Int.random(in: 0..<(depth < 3 ? 10 : 6), using: &self) {
            case 0: return Array("$-1\r\n".utf8)
            case 1: return Array("*-1\r\n".utf8)
            case 2: return Array("+\(["OK", "", "QUEUED", "12"].randomElement(using: &self) ?? "")\r\n".utf8)
            case 3 where depth > 0:
                return Array("-\(["ERR no", "WRONGTYPE x", "", "EPOCH"].randomElement(using: &self) ?? "")\r\n".utf8)
            case 3, 4: return Array(":\(number())\r\n".utf8)
            case 5: return Self.bulk(bytes())
            case 6: return array { $0.reply(depth: depth + 1) }
            case 7: return reservation()
            // As most scripts answer.
            default: return array { Array(":\($0.number())\r\n".utf8) }
            }
        }

        private mutating func array(_ element: (inout Self) -> [UInt8]) -> [UInt8] {
            let count = [0, 1, 2, 2, 3, 3, 3, 4, 14, 14, 64].randomElement(using: &self) ?? 0
            var bytes = Array("*\(count)\r\n".utf8)
            for _ in 0..<count { bytes += element(&self) }
            return bytes
        }

        /// Three numbers, then pairs of a lease and an envelope.
        private mutating func reservation() -> [UInt8] {
            let count = Int.random(in: 0...4, using: &self)
            var bytes = Array("*\(3 + count)\r\n:\(number())\r\n:\(number())\r\n:\(number())\r\n".utf8)
            for _ in 0..<count { bytes += Self.bulk(self.bytes()) }
            return bytes
        }

        mutating func number() -> Int {
            let known = [0, 1, 1, 2, -1, -2, .max, .min, 1 << 32, 1_700_000_000_000]
            if Bool.random(using: &self) { return known.randomElement(using: &self) ?? 0 }
            return Int.random(in: -5...500, using: &self)
        }

        mutating func bytes() -> [UInt8] {
            switch Int.random(in: 0..<4, using: &self) {
            case 0: return Array("\(number())".utf8)
            case 1:
                let report =
                    #"{"process":"a","pid":1,"host":"h","queues":[],"concurrency":1,"running":0,"isDraining":false,"#
                    + #""startedAtUnixMilliseconds":\#(number()),"stuck":0,"longest":[]}"#
                return Array("\(number()) \(report)".utf8)
            default:
                let count = [0, 1, 15, 16, 17, 32, 33, 33, 33, 34, 48, 500].randomElement(using: &self) ?? 0
                return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
            }
        }

        static func bulk(_ bytes: [UInt8]) -> [UInt8] {
            Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        }
    }
}
