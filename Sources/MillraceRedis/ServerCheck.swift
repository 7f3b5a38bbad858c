// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver
import Synchronization

/// Makes sure that the Redis at the other end keeps what it is given, before anything is given to it.
///
/// A version before 6.2 lacks commands; any eviction policy but `noeviction` drops jobs when memory is short. Checked for every new
/// connection, which may lead to another server, and once a minute, since the policy can be changed at any time.
final class ServerCheck: Sendable {
    private struct State {
        /// Counts connections; 0 before the first.
        var generation = 0
        var checked: (generation: Int, at: ContinuousClock.Instant)?
    }

    private static let interval: Duration = .seconds(60)

    private let client: RedisClient
    private let state = Mutex(State())

    /// - Parameter client: lives as long as this.
    init(of client: RedisClient) {
        self.client = client
        client.onStateChange { [weak self] change in
            guard case .connected(let generation) = change else { return }
            self?.state.withLock { $0.generation = generation }
        }
    }

    /// Returns at once if this connection was checked within the last minute.
    func admit(deadline: Duration) async throws(BrokerError) {
        let isChecked = state.withLock { state in
            guard let checked = state.checked else { return false }
            return checked.generation == state.generation && ContinuousClock.now - checked.at < Self.interval
        }
        if !isChecked { try await check(deadline: deadline) }
    }

    func check(deadline: Duration) async throws(BrokerError) {
        client.start()
        let generation = state.withLock { $0.generation }
        let info = RedisInfo(
            try await asBroker { () async throws(RedisError) in try await client.send(["INFO"], deadline: deadline) })
        guard let version = info["redis_version"], let policy = info["maxmemory_policy"] else {
            throw BrokerError(.misconfigured, "INFO names no redis_version or no maxmemory_policy")
        }
        let numbers = version.split(separator: ".").compactMap { Int($0) }
        guard let major = numbers.first, (major, numbers.dropFirst().first ?? 0) >= (6, 2) else {
            throw BrokerError(.misconfigured, "Redis has version \(version), 6.2 or newer is needed")
        }
        guard policy == "noeviction" else {
            throw BrokerError(
                .misconfigured, "Redis's maxmemory-policy is \(policy), which drops jobs; it must be noeviction")
        }
        state.withLock { $0.checked = (generation, .now) }
    }
}

/// The fields of an INFO reply.
struct RedisInfo {
    private let fields: [Substring: Substring]

    /// Without fields when the reply is no text.
    init(_ reply: RedisReply) {
        let text = (try? reply.asText("INFO")) ?? ""
        let pairs = text.split(whereSeparator: \.isNewline).compactMap { line -> (Substring, Substring)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon], line[line.index(after: colon)...])
        }
        fields = Dictionary(pairs) { first, _ in first }
    }

    subscript(_ name: String) -> String? { fields[name[...]].map(String.init) }
}
