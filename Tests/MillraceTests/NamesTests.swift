// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@Suite struct NamesTests {
    private static let longest = String(repeating: "z", count: Limits.nameBytesMax)

    @Test(arguments: ["a", "photos.store", "0", "a-b_c.9", "...", longest])
    func `names of the alphabet are taken as they are`(_ name: String) {
        #expect(JobKind(name)?.name == name)
        #expect(QueueName(name)?.name == name)
        #expect(QueueName(name)?.description == name)
    }

    @Test(arguments: [
        "", "A", "photos store", "a:b", "{a}", "a/b", "é", "a\n", "a\u{0}", "💥", longest + "z", "e\u{301}",
    ])
    func `other names are refused`(_ name: String) {
        #expect(JobKind(name) == nil)
        #expect(QueueName(name) == nil)
    }

    @Test func `names are ordered as their text is`() {
        #expect(
            ["b", "a", "a.c", "a-c"].map(QueueName.init(stringLiteral:)).sorted().map(\.name) == [
                "a", "a-c", "a.c", "b",
            ])
    }

    @Test func `a priority is known by its name, and higher ones come first`() {
        for priority in Priority.allCases { #expect(Priority(name: priority.name) == priority) }
        #expect(Priority(name: "urgent") == nil)
        #expect(Priority.allCases.map(\.name) == ["critical", "high", "normal", "low"])
        #expect(Priority.allCases.map(\.rawValue) == [0, 1, 2, 3])
    }

    @Test func `three states are final`() {
        #expect(JobState.allCases.filter(\.isFinal) == [.completed, .cancelled, .dead])
    }

    @Test func `a process is known by 16 digits`() {
        for number in [0, 1, 0xFEDC_BA98_7654_3210, UInt64.max] {
            let process = ProcessID(number: number)
            #expect(process.description.utf8.count == 16)
            #expect(ProcessID(process.description) == process)
        }
        #expect(ProcessID(number: 0xAB).description == "00000000000000ab")
        for text in ["", "ab", "00000000000000000", "000000000000000g", "+00000000000000a", "-000000000000000"] {
            #expect(ProcessID(text) == nil, "\(text)")
        }
    }
}
