// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver

/// Builds every key and channel name; nothing else does.
///
/// All keys of a queue share the hash tag `{queue}`, so that they are in one slot of a Redis Cluster:
///
/// | Key | Type | Holds |
/// |---|---|---|
/// | `mr:{q}:jobs` | hash | id → envelope of every live job; empty = cancelled, entry still to be met |
/// | `mr:{q}:ready:<lane>` | list | ids of ready jobs, oldest first |
/// | `mr:{q}:ready:quarantine` | list | id ‖ lane of suspects, which run alone, oldest first |
/// | `mr:{q}:scheduled` | sorted set | id ‖ lane → due time, Unix ms |
/// | `mr:{q}:leases` | sorted set | id ‖ token → deadline, Unix ms |
/// | `mr:{q}:bell` | list | at most one element: "there is work" |
/// | `mr:{q}:meta` | hash | `paused`, `epoch`, `cancelled` (emptied entries in lanes), reclaim's `tick` and `not_before` |
/// | `mr:queues`, `mr:workers` | set, hash | names of queues; what each worker process says of itself |
///
/// Change together: the first lines of `Scripts/*.lua`.
struct KeySpace: Sendable {
    /// 1 to 32 characters of `[a-zA-Z0-9._:-]`.
    let prefix: String

    /// nil when the prefix breaks the rule.
    init?(prefix: String) {
        guard (1...32).contains(prefix.utf8.count), prefix.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.prefix = prefix
    }

    var queues: RedisArgument { "\(prefix):queues" }
    var workers: RedisArgument { "\(prefix):workers" }
    /// Channel of finished ids, 16 bytes each, one behind the other.
    var finished: String { "\(prefix):finished" }
    /// Channel of cancelled jobs: id (16 bytes) ‖ the token (17 bytes) of its last claim, if there was one.
    var cancelled: String { "\(prefix):cancelled" }

    func jobs(of queue: QueueName) -> RedisArgument { key("jobs", of: queue) }
    func leases(of queue: QueueName) -> RedisArgument { key("leases", of: queue) }
    func meta(of queue: QueueName) -> RedisArgument { key("meta", of: queue) }
    func bell(of queue: QueueName) -> RedisArgument { key("bell", of: queue) }

    /// KEYS of every script about a queue: jobs, leases, scheduled, meta, bell, the lanes from `critical` to `low`, and the
    /// suspects'.
    func keys(of queue: QueueName) -> [RedisArgument] {
        [
            "jobs", "leases", "scheduled", "meta", "bell", "ready:critical", "ready:high", "ready:normal", "ready:low",
            "ready:quarantine",
        ].map { key($0, of: queue) }
    }

    private func key(_ name: String, of queue: QueueName) -> RedisArgument { "\(prefix):{\(queue.name)}:\(name)" }

    private static func isAllowed(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
