// SPDX-License-Identifier: Apache-2.0

import MillraceCLI

/// The command `millrace`, with no jobs of its own.
@main
struct Entry {
    static func main() async {
        await MillraceApplication().run()
    }
}
