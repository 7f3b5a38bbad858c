// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

/// Nothing that two machines may have in common says who a process is: no host's name, no process id, no configuration.
@Suite("WorkerIdentity") struct WorkerIdentityTests {
    @Test func `processes of one host, with one configuration, have different numbers`() {
        let processes = (0..<10_000).map { _ in WorkerIdentity.process(["HOSTNAME": "twin"]) }

        #expect(Set(processes).count == processes.count)
    }

    @Test func `a child has the number that its supervisor drew`() {
        let process = ProcessID(number: 0x0102_0304_0506_0708)

        #expect(WorkerIdentity.process([WorkerIdentity.processVariable: "\(process)"]) == process)
        #expect(WorkerIdentity.process([WorkerIdentity.processVariable: "twin"]) != process)
    }
}
