// SPDX-License-Identifier: Apache-2.0

/// What proves whose lease it is: unique for ever, and ordered by the time of its reservation.
///
/// 17 bytes: Redis's clock in µs (8, big end first) ‖ the worker process's random number (8) ‖ the lane (1), which says where
/// the job goes back to.
public struct LeaseToken: Hashable, Comparable, Sendable {
    package let reservedAtMicroseconds: UInt64
    package let process: ProcessID
    package let lane: Priority

    package init(reservedAtMicroseconds: UInt64, process: ProcessID, lane: Priority) {
        self.reservedAtMicroseconds = reservedAtMicroseconds
        self.process = process
        self.lane = lane
    }

    /// nil unless there are 17 bytes with a known lane.
    package init?(bytes: some Collection<UInt8>) {
        // Out of the generic world: callers are in other modules, where it cannot be specialized.
        let bytes = Array(bytes)
        guard bytes.count == 17, let lane = bytes.dropFirst(16).first.flatMap(Priority.init(rawValue:)) else {
            return nil
        }
        self.init(
            reservedAtMicroseconds: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            process: ProcessID(number: bytes.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }), lane: lane)
    }

    package var bytes: [UInt8] {
        reservedAtMicroseconds.bigEndianBytes + process.number.bigEndianBytes + [lane.rawValue]
    }

    public static func < (left: LeaseToken, right: LeaseToken) -> Bool {
        (left.reservedAtMicroseconds, left.process.number, left.lane.rawValue)
            < (right.reservedAtMicroseconds, right.process.number, right.lane.rawValue)
    }
}

/// A temporary right to run a job.
public struct Lease: Hashable, Sendable {
    public let id: JobID
    public let queue: QueueName
    public let token: LeaseToken

    package init(id: JobID, queue: QueueName, token: LeaseToken) {
        self.id = id
        self.queue = queue
        self.token = token
    }
}

/// A process's random number, drawn anew at each start: host names and pids repeat, and clones of a machine share them.
public struct ProcessID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(number: UInt64) {
        self.number = number
    }

    /// Reads 16 hexadecimal digits; nil for anything else.
    package init?(_ text: String) {
        // The integer's own reading would take a sign, too.
        guard text.utf8.count == 16, text.utf8.allSatisfy({ Hexadecimal.value(of: $0) != nil }),
            let number = UInt64(text, radix: 16)
        else { return nil }
        self.init(number: number)
    }

    /// 16 hexadecimal digits.
    public var description: String { Hexadecimal.digits(of: number.bigEndianBytes) }
}

extension FixedWidthInteger {
    /// Its bytes, big end first.
    package var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { Array($0) }
    }
}
