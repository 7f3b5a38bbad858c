// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The processes under torture: one API, workers, and the clients that submit jobs. Whatever ends is started again.
actor Mill {
    enum Role: Hashable, Sendable {
        case api
        case worker(Int)
        case producer(Int)

        var name: String {
            switch self {
            case .api: "api"
            case .worker(let number): "worker\(number)"
            case .producer(let number): "producer\(number)"
            }
        }
    }

    private let settings: TortureSettings
    private let folder: URL
    private let executable: URL
    private let environment: [String: String]
    private let apiPort: UInt16
    private let clientPort: UInt16
    private var children: [Role: ChildProcess] = [:]
    private var startedRoles: Set<Role> = []
    /// Those that the nemesis has signalled to end.
    private var condemned: Set<Role> = []
    private var finished: Set<Role> = []
    private(set) var strangeEndings: [String] = []
    private(set) var peakMiB = 0

    /// - Parameters:
    ///   - environment: where the stores are, by way of the proxies.
    ///   - apiPort: what the API listens on; clients talk to it at `clientPort`.
    init(
        _ settings: TortureSettings, folder: URL, executable: URL, environment: [String: String], apiPort: UInt16,
        clientPort: UInt16
    ) {
        self.settings = settings
        self.folder = folder
        self.executable = executable
        self.environment = environment
        self.apiPort = apiPort
        self.clientPort = clientPort
    }

    nonisolated var configuration: URL { folder.appending(path: "workers.yml") }

    func start() throws {
        try start(.api)
        for number in 1...settings.workers { try start(.worker(number)) }
    }

    func startProducers() throws {
        for number in 1...settings.producers { try start(.producer(number)) }
    }

    private func start(_ role: Role) throws {
        var own = environment
        own["MILLRACE_FAILPOINTS"] = settings.failpoints(for: role, isFirst: startedRoles.insert(role).inserted)
        children[role] = try ChildProcess(role.name, executable, arguments(of: role), own, folder: folder)
    }

    private func arguments(of role: Role) -> [String] {
        switch role {
        case .api: return ["serve", "--port", "\(apiPort)", "--config", configuration.path()]
        case .worker: return ["work", "--pool", "default", "--config", configuration.path()]
        case .producer(let number):
            let (first, count) = settings.share(of: number)
            return [
                "produce", "--url", "http://127.0.0.1:\(clientPort)", "--first", "\(first)", "--count", "\(count)",
                "--seed", "\(settings.seed)", "--rate", "\(settings.rate / settings.producers)",
                "--job-milliseconds", "\(settings.jobMilliseconds ?? -1)",
                "--journal", folder.appending(path: "journals/\(number)").path(),
            ]
        }
    }

    /// Starts again what has ended, until it is cancelled.
    func watch() async {
        while !Task.isCancelled {
            for (role, child) in children {
                peakMiB = max(peakMiB, child.peakMiB)
                guard let ending = child.ending, !finished.contains(role) else { continue }
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
    }

    var haveProducersFinished: Bool { finished.count == settings.producers }

    /// One that runs, chosen by a number.
    func pick(_ isWanted: (Role) -> Bool, _ number: Int) -> Role? {
        let roles = children.filter { isWanted($0.key) && $0.value.isRunning && !condemned.contains($0.key) }
            .map(\.key).sorted { $0.name < $1.name }
        return roles.isEmpty ? nil : roles[number % roles.count]
    }

    /// Ends it by this signal.
    func end(_ role: Role, by signal: Int32) {
        condemned.insert(role)
        children[role]?.signal(signal)
    }

    func freeze(_ role: Role) { children[role]?.signal(SIGSTOP) }
    func thaw(_ role: Role) { children[role]?.signal(SIGCONT) }

    /// Ends the processes in good order, and waits for them.
    func stop() async {
        for child in children.values { child.signal(SIGTERM) }
        let running = Array(children.values)
        _ = await eventually(within: .seconds(20)) { running.allSatisfy { !$0.isRunning } }
        for child in running { child.signal(SIGKILL) }
    }
}
