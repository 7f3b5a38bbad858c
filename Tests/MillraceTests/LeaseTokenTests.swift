// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct LeaseTokenTests {
    @Test func `a token is its time, its process and its lane, big end first`() {
        let token = LeaseToken(
            reservedAtMicroseconds: 0x0102_0304_0506_0708, process: ProcessID(number: 0xF1F2_F3F4_F5F6_F7F8), lane: .low
        )

        #expect(
            token.bytes == [1, 2, 3, 4, 5, 6, 7, 8, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 3])
    }

    @Test func `tokens survive their bytes, and are ordered as they are`() {
        var generator = SplitMix64(seed: SplitMix64.seedFromEnvironment())
        let tokens = (0..<400).map { _ in
            // Few values, so that ties of time and process are met, and both halves of their range.
            LeaseToken(
                reservedAtMicroseconds: [0, 1, 255, 256, 1 << 63, .max].randomElement(using: &generator) ?? 0,
                process: ProcessID(number: [0, 1, 1 << 63, .max].randomElement(using: &generator) ?? 0),
                lane: Priority.allCases.randomElement(using: &generator) ?? .low)
        }

        for token in tokens { #expect(LeaseToken(bytes: token.bytes) == token) }
        #expect(tokens.sorted() == tokens.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    }

    @Test func `other bytes are no token`() {
        for length in [0, 1, 16, 18] { #expect(LeaseToken(bytes: [UInt8](repeating: 0, count: length)) == nil) }
        #expect(LeaseToken(bytes: [UInt8](repeating: 0, count: 16) + [4]) == nil)
        #expect(LeaseToken(bytes: [UInt8](repeating: 0, count: 16) + [255]) == nil)
    }
}
