// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MillraceCLI

@Suite("CrashReport")
struct CrashReportTests {
    private func text(_ lines: String) -> String? {
        var report = CrashReport()
        for line in lines.split(separator: "\n", omittingEmptySubsequences: false) { report.append(String(line)) }
        return report.text
    }

    @Test func `message and backtrace are kept, registers, memory and images are not`() {
        let found = text(
            """
            2026-01-01 info millrace: worker started
            Swift/ContiguousArrayBuffer.swift:692: Fatal error: Index out of range

            *** Signal 4: Backtracing from 0x7f51... done ***

            *** Program crashed: Illegal instruction at 0x00007f5187a1b2c3 ***

            Thread 3 "NIO-ELT-0-#1" crashed:

            0 0x1 _assertionFailure in libswiftCore.so
            1 0x2 static DiagnosticsJobs.trap(at:) in millrace

            Registers:

            rax 0x5ec2e7000000  00 01 02 03 secret

            Images (33 omitted):

            0x5-0x6 <no build ID> millrace

            Backtrace took 1.20s
            """)

        #expect(
            found == """
                Swift/ContiguousArrayBuffer.swift:692: Fatal error: Index out of range
                *** Program crashed: Illegal instruction at 0x00007f5187a1b2c3 ***
                Thread 3 "NIO-ELT-0-#1" crashed:
                0 0x1 _assertionFailure in libswiftCore.so
                1 0x2 static DiagnosticsJobs.trap(at:) in millrace
                """)
    }

    @Test func `a process that wrote no backtrace has its message alone`() {
        #expect(text("log\nmain.swift:3: Fatal error: no\nmore") == "main.swift:3: Fatal error: no")
        #expect(text("log\nmore") == nil)
    }

    @Test func `a message of long ago is none of the crash's`() {
        let log = String(repeating: "line\n", count: 100)

        #expect(
            text("handler said: Fatal error\n" + log + "*** Program crashed: x ***") == "*** Program crashed: x ***")
        #expect(text("handler said: Fatal error\n" + log) == nil)
    }

    @Test func `it is bounded`() {
        let frames = (0..<10_000).map { "\($0) frame" }.joined(separator: "\n")

        let found = text(String(repeating: "Fatal error", count: 1000) + "\n*** Program crashed: x ***\n" + frames)

        #expect((found?.utf8.count ?? 0) <= 2 * CrashReport.bytesMax)
        #expect(found?.contains("0 frame\n1 frame") == true)
    }
}
