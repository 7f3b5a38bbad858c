// SPDX-License-Identifier: Apache-2.0

package import Logging

/// Every key of structured logs, in one spelling.
package enum LogKey: String {
    case jobID = "millrace.job.id"
    case jobKind = "millrace.job.kind"
    case queue = "millrace.queue"
    case attempt = "millrace.attempt"
    case process = "millrace.process"
    case pool = "millrace.pool"
    case pid = "millrace.pid"
    case signal = "millrace.signal"
    case epoch = "millrace.epoch"
    case count = "millrace.count"
    case elapsed = "millrace.elapsed"
    case delay = "millrace.delay"
    case usedBytes = "millrace.used_bytes"
    case bytesMax = "millrace.bytes_max"
    case left = "millrace.left"
    case address = "millrace.address"
    case state = "millrace.state"
    case part = "millrace.part"
    case requestID = "millrace.request.id"
    case method = "http.method"
    case path = "http.path"
    case status = "http.status"
    case error
}

extension Logger {
    package func debug(_ message: Logger.Message, metadata: [LogKey: Logger.MetadataValue]) {
        log(level: .debug, message, metadata: Logger.Metadata(metadata))
    }

    package func info(_ message: Logger.Message, metadata: [LogKey: Logger.MetadataValue]) {
        log(level: .info, message, metadata: Logger.Metadata(metadata))
    }

    package func warning(_ message: Logger.Message, metadata: [LogKey: Logger.MetadataValue]) {
        log(level: .warning, message, metadata: Logger.Metadata(metadata))
    }

    package func error(_ message: Logger.Message, metadata: [LogKey: Logger.MetadataValue]) {
        log(level: .error, message, metadata: Logger.Metadata(metadata))
    }
}

extension [String: Logger.MetadataValue] {
    package init(_ facts: [LogKey: Logger.MetadataValue]) {
        self = Dictionary(uniqueKeysWithValues: facts.map { ($0.key.rawValue, $0.value) })
    }
}
