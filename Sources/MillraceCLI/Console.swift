// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a command writes: what was asked for to standard output, everything else to standard error.
struct Console: Sendable {
    /// Throws `.outputClosed` when nobody reads any more.
    let write: @Sendable (String) throws(CommandError) -> Void
    /// Writes one line of remark.
    let note: @Sendable (String) -> Void
    /// Whether a person watches standard output.
    let isTerminal: Bool
    let usesColor: Bool

    /// Writes one line of what went wrong, in the program's name.
    func complain(_ message: String) {
        note("\(Program.name): \(message)")
    }

    /// The message of a line that another process of this program complained by; nil for any other line.
    static func complaint(of program: String, in line: String) -> String? {
        let prefix = "\(program): "
        return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : nil
    }

    /// The same, with results going elsewhere.
    func writing(to write: @escaping @Sendable (String) throws(CommandError) -> Void) -> Console {
        Console(write: write, note: note, isTerminal: isTerminal, usesColor: usesColor)
    }

    /// The process's own standard output and error; `NO_COLOR` and `TERM=dumb` keep colours away.
    static func standard(environment: [String: String]) -> Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let isPlain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false || environment["TERM"] == "dumb"
        return Console(
            write: { (text) throws(CommandError) in
                guard FileDescriptor.write(Array(text.utf8), to: STDOUT_FILENO) else {
                    throw CommandError(.outputClosed, "")
                }
            },
            note: { _ = FileDescriptor.write(Array("\($0)\n".utf8), to: STDERR_FILENO) }, isTerminal: isTerminal,
            usesColor: isTerminal && !isPlain)
    }
}
