// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The processes under torture: an API and workers that run alone, maybe some more under a supervisor, and the clients that submit
/// jobs. Whatever ends is started again.
actor Mill {
    enum Role: Hashable, Sendable {
        case api
        case worker(Int)
        /// `up`, with an API and a pool of its own.
        case supervisor
        case producer(Int)

        var name: String {
            switch self {
            case .api: "api"
            case .worker(let number): "worker\(number)"
            case .supervisor: "up"
            case .producer(let number): "producer\(number)"
            }
        }

        /// Where in the network it is; clients are on this side of it.
        var site: Network.Site? {
            switch self {
            case .api: .api
            case .worker, .supervisor: .work
            case .producer: nil
            }
        }
    }

    /// Where everybody is found.
    struct Addresses: Sendable {
        /// For the mill: the stores, by way of the proxies.
        var environment: [String: String]
        let apiPort: UInt16
        let supervisedAPIPort: UInt16
        /// For the clients: one API each, in turn.
        let clientPorts: [UInt16]
    }

    static let pool = "supervised"
    /// Worker processes under the supervisor.
    static let supervisedMax = 3

    private let settings: TortureSettings
    private let folder: URL
    private let executable: URL
    private var addresses: Addresses
    private let equipment: Equipment
    private let chronicle: Chronicle
    private var children: [Role: ChildProcess] = [:]
    private var startedRoles: Set<Role> = []
    /// Those that the nemesis has signalled to end.
    private var condemned: Set<Role> = []
    /// Those that are not started again yet.
    private var held: Set<Role> = []
    private var finished: Set<Role> = []
    private(set) var strangeEndings: [String] = []
    private(set) var peakMiB = 0

    init(
        _ settings: TortureSettings, folder: URL, executable: URL, addresses: Addresses, equipment: Equipment,
        _ chronicle: Chronicle
    ) {
        self.settings = settings
        self.folder = folder
        self.executable = executable
        self.addresses = addresses
        self.equipment = equipment
        self.chronicle = chronicle
    }

    private nonisolated var configuration: URL { folder.appending(path: "workers.yml") }
    private nonisolated var supervisedConfiguration: URL { folder.appending(path: "up.yml") }

    /// Writes the configuration and makes the tables.
    /// - Returns: a key of the API, for clients.
    func prepare(queues: [String]) async throws -> String {
        try write(pool: "default", count: 1, queues, to: configuration)
        try write(pool: Self.pool, count: 2, queues, to: supervisedConfiguration)
        try await command("migrate", "--config", configuration.path())
        let answer = try await command(
            "keys", "create", "torture", "--scope", "submit", "--scope", "read", "--scope", "operate", "-o", "json")
        let key = answer.firstMatch(of: /"key":"([^"]+)"/).map { String($0.1) } ?? ""
        addresses.environment[APIClient.keyVariable] = key
        return key
    }

    private func write(pool: String, count: Int, _ queues: [String], to file: URL) throws {
        let text = """
            api:
              database_connections: 8
            pools:
              \(pool):
                queues: [\(queues.joined(separator: ", "))]
                concurrency: \(settings.concurrency)
                count: \(count)
                database_connections: 8
                drain_timeout: 3s
            """
        try Data(text.utf8).write(to: file)
    }

    @discardableResult
    func command(_ arguments: String...) async throws -> String {
        try await shell([executable.path()] + arguments, environment: addresses.environment)
    }

    func start() throws {
        try start(.api)
        for number in 1...settings.workers { try start(.worker(number)) }
        if settings.hasSupervisor { try start(.supervisor) }
    }

    func startProducers() throws {
        for number in 1...settings.producers { try start(.producer(number)) }
    }

    private func start(_ role: Role) throws {
        var environment = addresses.environment
        environment["MILLRACE_FAILPOINTS"] = settings.failpoints(for: role, isFirst: startedRoles.insert(role).inserted)
        var command = [executable.path()] + arguments(of: role)
        if let site = role.site {
            if let network = equipment.network { command = network.entrance(to: site) + command }
            if let clocks = equipment.clocks {
                environment.merge(try clocks.environment(of: role.name)) { $1 }
            }
        }
        children[role] = try ChildProcess(role.name, command, environment, folder: folder)
    }

    private func arguments(of role: Role) -> [String] {
        switch role {
        case .api: return ["serve", "--port", "\(addresses.apiPort)", "--config", configuration.path()]
        case .worker: return ["work", "--pool", "default", "--config", configuration.path()]
        case .supervisor:
            return [
                "up", "--port", "\(addresses.supervisedAPIPort)", "--config", supervisedConfiguration.path(),
            ]
        case .producer(let number):
            let (first, count) = settings.share(of: number)
            let port = addresses.clientPorts[number % addresses.clientPorts.count]
            return [
                "produce", "--url", "http://127.0.0.1:\(port)", "--first", "\(first)", "--count", "\(count)",
                "--seed", "\(settings.seed)", "--rate", "\(settings.rate / settings.producers)",
                "--job-milliseconds", "\(settings.jobMilliseconds ?? -1)",
                "--redis-percent", "\(settings.redisPercent)",
                "--journal", folder.appending(path: "journals/\(number)").path(),
            ]
        }
    }

    /// Starts again what has ended, until it is cancelled.
    func watch() async {
        while !Task.isCancelled {
            for (role, child) in children {
                peakMiB = max(peakMiB, child.peakMiB)
                guard let ending = child.ending, !finished.contains(role), !held.contains(role) else { continue }
                note(ending, of: role)
                if case .producer = role, ending == 0 {
                    finished.insert(role)
                } else {
                    try? start(role)
                }
            }
            await pause(.milliseconds(200))
        }
    }

    /// Nobody but the nemesis and armed failpoints may end a process.
    private func note(_ ending: Int32, of role: Role) {
        if condemned.remove(role) != nil { return }
        if case .producer = role, ending == 0 { return }
        if settings.isArmedToDie(role), ending == -SIGKILL { return }
        strangeEndings.append("\(role.name) ended with \(ending)")
        chronicle.note("\(role.name) ENDED BY ITSELF with \(ending)")
    }

    var haveProducersFinished: Bool { finished.count == settings.producers }

    /// Those that run, in the order of their names.
    func running(_ isWanted: (Role) -> Bool) -> [Role] {
        children.filter { isWanted($0.key) && $0.value.isRunning && !condemned.contains($0.key) }
            .map(\.key).sorted { $0.name < $1.name }
    }

    /// Ends it by this signal.
    func end(_ role: Role, by signal: Int32) {
        condemned.insert(role)
        children[role]?.signal(signal)
    }

    /// Kills the supervisor. Its children have to notice; until they have ended nobody takes its place, as one of them holds its port.
    func killSupervisor() async {
        guard let child = children[.supervisor], child.isRunning else { return }
        let orphans = child.children
        held.insert(.supervisor)
        end(.supervisor, by: SIGKILL)
        if !(await eventually(within: .seconds(30), { !orphans.contains(where: isAlive) })) {
            strangeEndings.append("children outlived their supervisor")
            for orphan in orphans { kill(orphan, SIGKILL) }
        }
        held.remove(.supervisor)
    }

    /// Kills a child of the supervisor, chosen by a number; whether there was one.
    func killSupervised(_ number: Int) -> Bool {
        guard let all = children[.supervisor]?.children.sorted(), !all.isEmpty else { return false }
        return kill(all[number % all.count], SIGKILL) == 0
    }

    func scale(to count: Int) async throws {
        try await command("scale", "\(Self.pool)=\(count)", "--config", supervisedConfiguration.path())
    }

    func freeze(_ role: Role) { children[role]?.signal(SIGSTOP) }
    func thaw(_ role: Role) { children[role]?.signal(SIGCONT) }

    /// Ends the processes in good order, and waits for them.
    func stop() async {
        for child in children.values { child.signal(SIGTERM) }
        let running = Array(children.values)
        _ = await eventually(within: .seconds(30)) { running.allSatisfy { !$0.isRunning } }
        for child in running { child.signal(SIGKILL) }
        noteSupervised()
    }

    /// What the supervisor says of the ends of its children: by a kill, or as they were told, or something is wrong.
    private func noteSupervised() {
        guard let log = children[.supervisor]?.log, let text = try? String(contentsOf: log, encoding: .utf8) else {
            return
        }
        for line in text.split(separator: "\n") where line.contains("warning process ended") {
            if !line.contains("SIGKILL") { strangeEndings.append("under the supervisor: \(line.suffix(200))") }
        }
    }
}
