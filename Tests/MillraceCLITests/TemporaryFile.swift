// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A file that is gone with its owner.
final class TemporaryFile: Sendable {
    let path: String

    init(_ text: String) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID()).yml")
        try Data(text.utf8).write(to: url)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
