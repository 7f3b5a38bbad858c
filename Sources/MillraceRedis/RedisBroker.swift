// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Millrace
public import NIOCore
public import NIOPosix
import RedisDriver
import Synchronization

/// Who may run what now, kept in Redis: one hash of jobs, lists of ids, one sorted set of leases.
///
/// Every verb is one script over a whole batch; what they guarantee is said in ``JobBroker``, how they lie in Redis in `KeySpace`.
/// The clock is Redis's. There is nothing to start: connections are made when they are first needed, and again when they end.
///
/// Three connections, so that none waits behind another's work: one for pushes, whose short deadline ends a connection that
/// misses it; one for what keeps leases alive; one for all else. Waiting for work, and announcements, have their own on top.
/// No verb hops to the default executor: an `async` call stays on its caller's.
///
/// Change together: `Scripts/*.lua`, `MemoryQueue`, `BrokerConformance`.
public final class RedisBroker: JobBroker {
    let keys: KeySpace
    let deadline: Duration
    let pushDeadline: Duration
    let memoryBytesMax: Int?
    /// The names of all queues as they were read last.
    let countedQueues = Mutex<(queues: [QueueName], at: ContinuousClock.Instant)?>(nil)
    let server: ServerCheck
    let bells: BellRinging
    let hub: AnnouncementHub
    /// When each queue's name was last written to the set of names.
    let namedQueues = Mutex<[QueueName: ContinuousClock.Instant]>([:])

    private let commandClient: RedisClient
    private let leaseClient: RedisClient
    private let pushClient: RedisClient
    /// A clock for tests in place of Redis's.
    private let clock: (@Sendable () -> Timestamp)?

    /// Makes a broker; it connects when it is first used.
    ///
    /// - Throws: `.misconfigured` for a URL, a prefix or certificates that cannot be used.
    public convenience init(
        _ configuration: Configuration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) throws(BrokerError) {
        try self.init(configuration, eventLoopGroup: eventLoopGroup, logger: logger, clock: nil)
    }

    package init(
        _ configuration: Configuration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger,
        clock: (@Sendable () -> Timestamp)?
    ) throws(BrokerError) {
        guard let keys = KeySpace(prefix: configuration.keyPrefix) else {
            throw BrokerError(.misconfigured, "the key prefix must be 1 to 32 characters of [a-zA-Z0-9._:-]")
        }
        let redis = try asBroker { () throws(RedisError) in try configuration.redis() }
        func makeClient() throws(BrokerError) -> RedisClient {
            try asBroker { () throws(RedisError) in
                try RedisClient(redis, eventLoop: eventLoopGroup.next(), logger: logger)
            }
        }
        self.keys = keys
        self.clock = clock
        deadline = configuration.deadline
        pushDeadline = configuration.pushDeadline
        memoryBytesMax = configuration.memoryBytesMax
        commandClient = try makeClient()
        leaseClient = try makeClient()
        pushClient = try makeClient()
        server = ServerCheck(of: commandClient)
        bells = BellRinging(redis, eventLoopGroup: eventLoopGroup, logger: logger)
        hub = AnnouncementHub(redis, keys: keys, eventLoop: eventLoopGroup.next(), logger: logger)
    }

    /// Returns when Redis answers and may be used.
    ///
    /// - Throws: `.misconfigured` for a version before 6.2, or an eviction policy that may drop jobs.
    public func check() async throws(BrokerError) {
        try await server.check(deadline: deadline)
    }

    /// Closes all connections, after the replies to what was sent, and ends all streams of announcements.
    public func shutdown() async {
        bells.shutdown()
        hub.shutdown()
        await commandClient.shutdown()
        await leaseClient.shutdown()
        await pushClient.shutdown()
    }

    // MARK: - For the verbs

    /// Which connection a call takes.
    enum Route {
        case command, lease, push
    }

    func client(_ route: Route = .command) -> RedisClient {
        let client =
            switch route {
            case .command: commandClient
            case .lease: leaseClient
            case .push: pushClient
            }
        client.start()
        return client
    }

    func run(
        _ script: RedisScript, in queue: QueueName, _ arguments: [RedisArgument], _ route: Route = .command
    ) async throws(BrokerError) -> RedisReply {
        try await asBroker { () async throws(RedisError) in
            try await client(route).run(
                script, keys: keys.keys(of: queue), arguments: arguments,
                deadline: route == .push ? pushDeadline : deadline)
        }
    }

    func send(_ command: RedisCommand) async throws(BrokerError) -> RedisReply {
        try await asBroker { () async throws(RedisError) in try await client().send(command, deadline: deadline) }
    }

    /// The first ARGV of every script that needs the time: empty for Redis's clock.
    var now: RedisArgument {
        clock.map { .integer(Int($0().unixMilliseconds)) } ?? ""
    }
}
