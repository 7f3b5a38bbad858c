// SPDX-License-Identifier: Apache-2.0

/// What travels through the broker with a job's id: all that is fixed when the job is accepted.
///
/// Of a job with durability `redis` it is the only copy until its first attempt has ended, so it carries all that a row needs.
///
/// What changes from attempt to attempt (attempt, failures, crashes) is the ledger's alone and comes back with the claim, so an
/// envelope never goes stale, and a copy that a rewound Redis brings back is as good as the first.
///
/// Layout, big end first: format (1) ‖ CRC-32 of all that follows (4) ‖ created Unix ms (8) ‖ expires Unix ms, 0 = never (8) ‖
/// time-out ms (8) ‖ max attempts (2) ‖ length (1) and kind ‖ length (1) and trace ‖ payload to the end. The checksum is there
/// because Redis loads an append-only file with a flipped byte without complaint.
///
/// Format 1 is durability `postgres`. Format 0x5A is durability `redis`, with priority (1) ‖ due Unix ms, 0 = at once (8) ‖ number of tags
/// (1) ‖ length (1) and text of each before the payload. The first reservation makes it 0xA5, so that every later one tells the worker
/// that an attempt may have begun. The checksum leaves the format out; three bits or more are between any two of them.
///
/// Change together: `reserve-jobs.lua`, `JobEnvelopeTests`.
public struct JobEnvelope: Sendable, Equatable {
    package var kind: JobKind
    package var createdAt: Timestamp
    package var expiresAt: Timestamp?
    package var timeout: Duration
    package var maxAttempts: Int
    package var trace: String?
    package var payload: [UInt8]
    /// There if and only if the job was accepted with durability `redis`.
    package var rowPart: RowPart?

    /// What a row needs besides.
    package struct RowPart: Sendable, Equatable {
        package var priority: Priority
        package var dueAt: Timestamp?
        package var tags: [String]

        package init(priority: Priority, dueAt: Timestamp?, tags: [String]) {
            self.priority = priority
            self.dueAt = dueAt
            self.tags = tags
        }
    }

    private static let postgresFormat: UInt8 = 1
    private static let redisFormat: UInt8 = 0x5A
    private static let reservedFormat: UInt8 = 0xA5
    private static let headerBytes = 5 + 8 + 8 + 8 + 2

    package init(
        kind: JobKind, createdAt: Timestamp, expiresAt: Timestamp? = nil, timeout: Duration = Limits.timeout,
        maxAttempts: Int = Limits.maxAttempts, trace: String? = nil, payload: [UInt8], rowPart: RowPart? = nil
    ) {
        self.kind = kind
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.timeout = timeout
        self.maxAttempts = maxAttempts
        self.trace = trace
        self.payload = payload
        self.rowPart = rowPart
    }

    package init(of job: NewJob) {
        self.init(
            kind: job.kind, createdAt: job.id.time, expiresAt: job.expiresAt, timeout: job.timeout,
            maxAttempts: job.maxAttempts, trace: job.trace, payload: job.payload,
            rowPart: job.durability == .redis
                ? RowPart(priority: job.priority, dueAt: job.dueAt, tags: job.tags) : nil)
    }

    /// The job again, where the envelope has all of it.
    package func job(id: JobID, queue: QueueName) -> NewJob? {
        guard let rowPart else { return nil }
        return NewJob(
            id: id, kind: kind, queue: queue, priority: rowPart.priority, payload: payload, dueAt: rowPart.dueAt,
            expiresAt: expiresAt, timeout: timeout, maxAttempts: maxAttempts, tags: rowPart.tags, trace: trace,
            durability: .redis)
    }

    /// Notes in an encoded envelope that it was handed out; true when it is the only copy and that was the first time.
    package static func markReserved(_ bytes: inout [UInt8]) -> Bool {
        guard bytes.first == redisFormat else { return false }
        bytes[0] = reservedFormat
        return true
    }

    /// Whether bytes that cannot be read may be the only copy of a job, or a later release's.
    package static func mayBeOnlyCopy(_ bytes: [UInt8]) -> Bool {
        bytes.first.map { $0 != postgresFormat } ?? false
    }

    package func encoded() -> [UInt8] {
        let kind = Array(kind.name.utf8)
        // A `traceparent` has 55 bytes; what does not fit is none, and half of it could not be read back.
        let trace = trace.map { Array($0.utf8) }.flatMap { $0.count <= UInt8.max ? $0 : nil } ?? []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + 2 + kind.count + trace.count + payload.count)
        bytes += [rowPart == nil ? Self.postgresFormat : Self.redisFormat, 0, 0, 0, 0]
        bytes += createdAt.unixMilliseconds.bigEndianBytes
        bytes += (expiresAt?.unixMilliseconds ?? 0).bigEndianBytes
        bytes += timeout.milliseconds.bigEndianBytes
        bytes += UInt16(clamping: maxAttempts).bigEndianBytes
        bytes.append(UInt8(kind.count))
        bytes += kind
        bytes.append(UInt8(trace.count))
        bytes += trace
        if let rowPart {
            bytes.append(rowPart.priority.rawValue)
            bytes += (rowPart.dueAt?.unixMilliseconds ?? 0).bigEndianBytes
            bytes.append(UInt8(clamping: rowPart.tags.count))
            for tag in rowPart.tags.prefix(Int(UInt8.max)) {
                bytes.append(UInt8(clamping: tag.utf8.count))
                bytes += tag.utf8
            }
        }
        bytes += payload
        let checksum = CRC32.checksum(of: bytes.dropFirst(5))
        bytes.replaceSubrange(1..<5, with: checksum.bigEndianBytes)
        return bytes
    }

    /// - Throws: ``EnvelopeError`` for bytes that no encoder of these formats made. Unless ``mayBeOnlyCopy(_:)``, the job itself is safe in
    ///   the ledger.
    package init(decoding bytes: [UInt8]) throws(EnvelopeError) {
        let formats = [Self.postgresFormat, Self.redisFormat, Self.reservedFormat]
        guard let format = bytes.first, formats.contains(format) else {
            throw EnvelopeError(
                reason: "format \(bytes.first.map(String.init) ?? "missing"), this release reads \(formats)")
        }
        guard bytes.count > Self.headerBytes + 1 else {
            throw EnvelopeError(reason: "cut off after \(bytes.count) bytes")
        }
        guard CRC32.checksum(of: bytes[5...]) == UInt32(bigEndian: bytes[1..<5]) else {
            throw EnvelopeError(reason: "checksum differs")
        }
        var rest = bytes[Self.headerBytes...]
        guard let kindText = Self.takeText(&rest), let kind = JobKind(kindText), let trace = Self.takeText(&rest) else {
            throw EnvelopeError(reason: "kind or trace unreadable")
        }
        var rowPart: RowPart?
        if format != Self.postgresFormat {
            rowPart = Self.takeRowPart(&rest)
            guard rowPart != nil else { throw EnvelopeError(reason: "priority, due time or tags unreadable") }
        }
        let expires = Int64(bigEndian: bytes[13..<21])
        self.init(
            kind: kind, createdAt: Timestamp(unixMilliseconds: Int64(bigEndian: bytes[5..<13])),
            expiresAt: expires == 0 ? nil : Timestamp(unixMilliseconds: expires),
            timeout: .milliseconds(Int64(bigEndian: bytes[21..<29])),
            maxAttempts: Int(UInt16(bigEndian: bytes[29..<31])), trace: trace.isEmpty ? nil : trace,
            payload: Array(rest), rowPart: rowPart)
    }

    private static func takeRowPart(_ rest: inout ArraySlice<UInt8>) -> RowPart? {
        guard rest.count >= 10, let priority = rest.popFirst().flatMap(Priority.init(rawValue:)) else { return nil }
        let due = Int64(bigEndian: rest.prefix(8))
        rest = rest.dropFirst(8)
        var tags: [String] = []
        for _ in 0..<(rest.popFirst() ?? 0) {
            guard let tag = takeText(&rest) else { return nil }
            tags.append(tag)
        }
        return RowPart(priority: priority, dueAt: due == 0 ? nil : Timestamp(unixMilliseconds: due), tags: tags)
    }

    private static func takeText(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let length = rest.popFirst(), rest.count >= Int(length) else { return nil }
        defer { rest = rest.dropFirst(Int(length)) }
        return String(validating: rest.prefix(Int(length)), as: UTF8.self)
    }
}

/// Why an envelope cannot be read.
package struct EnvelopeError: Error, CustomStringConvertible {
    package let reason: String

    package var description: String { "envelope unreadable: \(reason)" }
}

/// CRC-32 as in ISO-HDLC (polynomial 0xEDB88320), the one of zlib and Ethernet.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        let table = table
        return ~bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 }
    }
}

extension FixedWidthInteger {
    /// Reads exactly as many bytes as the type has, big end first.
    fileprivate init(bigEndian bytes: ArraySlice<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}
