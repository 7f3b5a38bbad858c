// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MillraceCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("MemoryGauge")
struct MemoryGaugeTests {
    @Test func `what a process alone holds is added up, its program's file is not`() {
        let status = """
            Name:\tmillrace
            VmPeak:\t  999999 kB
            VmRSS:\t   50000 kB
            RssAnon:\t   30000 kB
            RssFile:\t   15000 kB
            RssShmem:\t    5000 kB
            VmSwap:\t       7 kB
            """

        #expect(MemoryGauge.bytes(inStatus: status) == 35_007 * 1024)
        #expect(MemoryGauge.bytes(inStatus: "Name:\tmillrace\nState:\tZ (zombie)\n") == nil)
        #expect(MemoryGauge.bytes(inStatus: "RssAnon:\tmuch kB") == nil)
    }

    @Test(.enabled(if: MemoryGauge.isSupported)) func `a child over its limit is killed, and known to have been`()
        async throws
    {
        let limit = ByteCount(bytes: 64 << 20)
        let eater = "exec /usr/bin/perl -e '$eaten .= q(x) x 1048576 while 1'"

        let result = try await ChildProcessesTests.Fixture().run(["-c", eater], memoryMax: limit)

        #expect(result.end == ChildEnd(.signalled(SIGKILL), memoryMax: limit))
        #expect(result.end.crash == "was killed at its memory limit of 64 MiB")
    }

    @Test func `a child within its limit that somebody kills was not over it`() async throws {
        let result = try await ChildProcessesTests.Fixture().run(
            ["-c", "kill -KILL $$"], memoryMax: ByteCount(bytes: 1 << 30))

        #expect(result.end == ChildEnd(.signalled(SIGKILL)))
        #expect(result.end.crash == nil)
    }

    @Test(
        arguments: [
            ("512MiB", 512 << 20), ("2GiB", 2 << 30), ("1024MiB", 1 << 30), ("MiB", nil), ("1", nil), ("1.5GiB", nil),
            ("-1GiB", nil), ("512 MiB", nil), ("99999999999999999GiB", nil), ("1GB", nil),
        ] as [(String, Int?)])
    func `byte counts are whole numbers with a unit`(text: String, bytes: Int?) {
        #expect(ByteCount(text)?.bytes == bytes)
    }

    @Test func `byte counts are told in the largest unit that fits`() {
        #expect("\(ByteCount(bytes: 1 << 30))" == "1 GiB")
        #expect("\(ByteCount(bytes: 1536 << 20))" == "1536 MiB")
    }
}
