// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The program that these commands are part of.
enum Program {
    /// What people type to run it: help, usage and errors name it.
    ///
    /// Ambient, and not handed down, since ArgumentParser asks types for their texts.
    @TaskLocal static var name = "millrace"

    /// What `--version` says.
    static var version: String {
        name == "millrace" ? MillraceVersion.current : "\(name), on Millrace \(MillraceVersion.current)"
    }

    /// The last part of the path that a program was started by; nil for one without.
    static func name(path: String?) -> String? {
        guard let last = path?.split(separator: "/").last, !last.isEmpty else { return nil }
        return String(last)
    }
}
