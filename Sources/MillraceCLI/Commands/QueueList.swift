// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Names of queues as the command line gives them.
enum QueueList {
    /// Reads `photos,email`: 1 to 32 different names.
    static func parse(_ text: String, option: String) throws(CommandError) -> [QueueName] {
        var queues: [QueueName] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            let queue = try queue(String(name), option: option)
            guard !queues.contains(queue) else { throw CommandError(.usage, "\(option): \(queue) is there twice") }
            queues.append(queue)
        }
        guard queues.count <= 32 else { throw CommandError(.usage, "\(option): \(queues.count) queues, at most 32") }
        return queues
    }

    static func queue(_ name: String, option: String) throws(CommandError) -> QueueName {
        guard let queue = QueueName(name) else {
            let name = EscapedText.quotedIfNeeded(String(name.prefix(80)))
            throw CommandError(.usage, "\(option): a queue's name is 1 to 64 characters of [a-z0-9._-], found \(name)")
        }
        return queue
    }
}
