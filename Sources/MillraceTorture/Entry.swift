// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MillraceCLI

/// Three programs in one: `torture` and its producers, and, for every other command, the mill that they torture.
@main
struct Entry {
    static func main() async {
        switch CommandLine.arguments.dropFirst().first {
        case "torture", nil: await TortureCommand.main(Array(CommandLine.arguments.dropFirst(2)))
        case "produce": await ProduceCommand.main(Array(CommandLine.arguments.dropFirst(2)))
        default: await MillraceApplication(.torture).run()
        }
    }
}
