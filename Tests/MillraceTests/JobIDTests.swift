// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct JobIDTests {
    private let time = Timestamp(unixMilliseconds: 0x0123_4567_89AB)

    @Test func `an id has the layout of a UUIDv7`() {
        var ones = Constant(value: .max)
        var zeros = Constant(value: 0)

        #expect("\(JobID(at: time, using: &ones))" == "01234567-89ab-7fff-bfff-ffffffffffff")
        #expect("\(JobID(at: time, using: &zeros))" == "01234567-89ab-7000-8000-000000000000")
    }

    @Test func `an id tells its time`() {
        var generator = SplitMix64(seed: 1)

        #expect(JobID(at: time, using: &generator).time == time)
    }

    @Test func `times that an id cannot hold are cut, and trap nothing`() {
        var generator = SplitMix64(seed: 1)

        #expect(JobID(at: Timestamp(unixMilliseconds: -1), using: &generator).time.unixMilliseconds == 0)
        #expect(JobID(at: Timestamp(unixMilliseconds: .min), using: &generator).time.unixMilliseconds == 0)
        #expect(
            JobID(at: Timestamp(unixMilliseconds: .max), using: &generator).time.unixMilliseconds == 0xFFFF_FFFF_FFFF)
    }

    @Test func `ids survive their bytes and their text, in either case`() throws {
        var generator = SplitMix64(seed: 2)
        for _ in 0..<1000 {
            let id = JobID(
                at: Timestamp(unixMilliseconds: .random(in: 0...(1 << 47), using: &generator)), using: &generator)

            #expect(JobID(bytes: id.bytes) == id)
            #expect(id.bytes.count == 16)
            #expect(JobID("\(id)") == id)
            #expect(JobID("\(id)".uppercased()) == id)
        }
    }

    @Test func `ids are ordered as their bytes and as their text are, by time first`() {
        var generator = SplitMix64(seed: 3)
        let ids = (0..<300).map { _ in
            JobID(at: Timestamp(unixMilliseconds: .random(in: 0...50, using: &generator)), using: &generator)
        }

        let sorted = ids.sorted()

        #expect(sorted.map(\.time) == ids.map(\.time).sorted())
        #expect(sorted == ids.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
        #expect(sorted == ids.sorted { "\($0)" < "\($1)" })
    }

    @Test(arguments: [
        "", "0", "01234567-89ab-7fff-bfff-fffffffffff", "01234567-89ab-7fff-bfff-fffffffffffff",
        "0123456789ab7fffbfffffffffffffff", "01234567-89ab-7fff-bfff-ffffffffffgf",
        "01234567-89ab-7fff-bfff-fffffffffff ",
        "01234567_89ab_7fff_bfff_ffffffffffff", "01234567-89ab-7fff-bfffffffffffffff-",
        "{1234567-89ab-7fff-bfff-fffffffffff}",
        "０1234567-89ab-7fff-bfff-fffffffff", "-01234567-89ab-7fff-bfff-fffffffffff",
    ])
    func `other texts are no ids`(_ text: String) {
        #expect(JobID(text) == nil)
    }

    @Test func `other lengths are no ids`() {
        for length in [0, 1, 15, 17, 32] { #expect(JobID(bytes: [UInt8](repeating: 1, count: length)) == nil) }
    }

    private struct Constant: RandomNumberGenerator {
        let value: UInt64

        mutating func next() -> UInt64 { value }
    }
}
