// SPDX-License-Identifier: Apache-2.0

/// What kind of work a job is, such as `photos.store`: 1 to 64 characters of `[a-z0-9._-]`.
///
/// It is written into every job that waits, so it must outlive the Swift type that it names.
public struct JobKind: Hashable, Comparable, Sendable {
    public let name: String

    /// nil when the name breaks the rule.
    public init?(_ name: String) {
        guard isName(name) else { return nil }
        self.name = name
    }

    public static func < (left: JobKind, right: JobKind) -> Bool { left.name < right.name }
}

/// A queue's name: 1 to 64 characters of `[a-z0-9._-]`.
public struct QueueName: Hashable, Comparable, Sendable {
    public let name: String

    /// The queue of a job that names none.
    public static let `default`: QueueName = "default"

    /// nil when the name breaks the rule.
    public init?(_ name: String) {
        guard isName(name) else { return nil }
        self.name = name
    }

    public static func < (left: QueueName, right: QueueName) -> Bool { left.name < right.name }
}

extension JobKind: ExpressibleByStringLiteral, CustomStringConvertible {
    /// - Precondition: the literal is a valid name.
    public init(stringLiteral name: String) {
        precondition(isName(name), "a job's kind is 1 to 64 characters of [a-z0-9._-]")
        self.name = name
    }

    public var description: String { name }
}

extension QueueName: ExpressibleByStringLiteral, CustomStringConvertible {
    /// - Precondition: the literal is a valid name.
    public init(stringLiteral name: String) {
        precondition(isName(name), "a queue's name is 1 to 64 characters of [a-z0-9._-]")
        self.name = name
    }

    public var description: String { name }
}

private func isName(_ name: String) -> Bool {
    (1...Limits.nameBytesMax).contains(name.utf8.count)
        && name.utf8.allSatisfy { character in
            switch character {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
}
