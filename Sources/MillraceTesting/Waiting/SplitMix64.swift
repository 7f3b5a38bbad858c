// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A small random generator whose every run can be repeated from its seed.
///
/// Not for anything that must not be guessed.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// The seed of `MILLRACE_TEST_SEED`, or one drawn at random: a test prints it when it fails.
    public static func seedFromEnvironment() -> UInt64 {
        ProcessInfo.processInfo.environment["MILLRACE_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...(.max))
    }
}
