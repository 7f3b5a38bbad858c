// SPDX-License-Identifier: Apache-2.0

/// Calls and constructs that have no place here.
enum Calls {
    static let banned: [(call: String, instead: String)] = [
        ("print(", "log it, or write it to the output that was handed in"),
        ("debugPrint(", "log it"),
        ("fatalError(", "throw an error, or state a precondition"),
        ("try!", "handle the error"),
        ("as!", "use 'as?' and handle nil"),
        ("DispatchQueue.main", "use an actor"),
        ("Thread.sleep", "wait on a clock or a signal"),
        ("usleep", "wait on a clock or a signal"),
    ]

    static func bannedCalls(_ files: [SourceFile]) -> [Violation] {
        violations(in: files) { line in
            banned.filter { line.calls($0.call) || line.contains("Swift.\($0.call)") }.map {
                "\($0.call) is banned: \($0.instead)"
            }
        }
    }

    /// On Linux a semaphore or a group of Dispatch waits until a time of the wall clock: where that is set back, by an operator or
    /// after a pause of the machine, the wait is longer by as much. Tests, and what tortures, measure nothing by it.
    static func wallClockWaits(_ files: [SourceFile]) -> [Violation] {
        violations(in: files.filter { $0.target != "MillraceTorture" }) { line in
            line.contains(".wait(timeout:") ? ["the wait follows the wall clock: use poll, or a clock's sleep"] : []
        }
    }

    /// A test waits on a signal, or polls with a deadline by `Eventually.swift`; a pause is too short on a slow machine and
    /// too long on all others.
    static func sleepsInTests(_ files: [SourceFile]) -> [Violation] {
        violations(in: files.filter { $0.name != "Eventually.swift" }) { line in
            ["Thread.sleep", "Task.sleep", "usleep"].filter(line.contains(word:)).map {
                "\($0) in a test: wait on a signal, or poll by Eventually.swift"
            }
        }
    }

    /// A task without a parent outlives whoever started it: the line above must say why that is right here.
    static func unexplainedTasks(_ files: [SourceFile]) -> [Violation] {
        files.filter(\.isSwift).flatMap { file in
            file.code.indices.compactMap { index in
                guard startsTask(file.code[index]) else { return nil }
                let above = index > 0 ? file.lines[index - 1].drop(while: \.isWhitespace) : ""
                return above.hasPrefix("//")
                    ? nil
                    : file.violation(index, "a task without a parent needs a comment on the line above that says why")
            }
        }
    }

    private static func startsTask(_ line: String) -> Bool {
        if ["Task.detached", "Task.immediate", "Task.immediateDetached"].contains(where: line.contains(word:)) {
            return true
        }
        // Task { · Task<Void, Never> { · Task(priority: .high) { · Task.init {
        return line.contains(/(?:^|[^A-Za-z0-9_.])Task(?:<[^{]*>)?(?:\.init)?\s*(?:\([^{]*\))?\s*\{/)
    }

    private static func violations(in files: [SourceFile], _ findings: (String) -> [String]) -> [Violation] {
        files.filter(\.isSwift).flatMap { file in
            file.code.indices.flatMap { index in findings(file.code[index]).map { file.violation(index, $0) } }
        }
    }
}
