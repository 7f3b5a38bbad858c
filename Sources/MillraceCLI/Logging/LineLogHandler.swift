// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI

/// Logs as one line of text per event: `2026-11-22T17:32:48.123Z info message key=value …`.
///
/// Keys are sorted and stand without their prefix `millrace.`. Values with blanks, quotes, `=` or control characters
/// are quoted and escaped, so that no value can forge a line or steer a terminal. Every line is one call, so that the
/// lines of several processes on one pipe do not mix.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level
    private let write: @Sendable (String) -> Void
    private let now: @Sendable () -> Timestamp

    init(
        level: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil,
        now: @escaping @Sendable () -> Timestamp = { .now() }, write: @escaping @Sendable (String) -> Void
    ) {
        logLevel = level
        self.metadataProvider = metadataProvider
        self.now = now
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var facts = metadata
        if let provided = metadataProvider?.get() { facts.merge(provided) { $1 } }
        if let given = event.metadata { facts.merge(given) { $1 } }
        if let error = event.error { facts[LogKey.error.rawValue] = "\(error)" }
        var line = "\(now().rfc3339) \(event.level.rawValue) \(EscapedText.withoutControls("\(event.message)"))"
        for (key, value) in facts.sorted(by: { $0.key < $1.key }) {
            let key = key.hasPrefix("millrace.") ? String(key.dropFirst("millrace.".count)) : key
            line += " \(EscapedText.withoutControls(key))=\(EscapedText.quotedIfNeeded("\(value)"))"
        }
        write(line)
    }
}
