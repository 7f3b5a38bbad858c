// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// Keeps what is logged.
final class CountingLogger: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: Logger.Metadata
    }

    private let kept = Box<[Line]>([])

    var logger: Logger {
        var logger = Logger(label: "test") { [kept] _ in Handler(kept: kept) }
        logger.logLevel = .debug
        return logger
    }

    var lines: [Line] { kept.value }

    func count(of message: String) -> Int {
        kept.value.count { $0.message == message }
    }

    private struct Handler: LogHandler {
        let kept: Box<[Line]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        init(kept: Box<[Line]>) {
            self.kept = kept
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            kept.change { $0.append(Line(level: event.level, message: "\(event.message)", metadata: all)) }
        }
    }
}

/// A value that tests share between tasks.
final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    func change(_ change: (inout Value) -> Void) {
        state.withLock { change(&$0) }
    }
}
