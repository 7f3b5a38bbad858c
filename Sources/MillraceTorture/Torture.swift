// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One torture from start to verdict: a mill and stores of its own, clients that keep journals, a nemesis, and a checker.
///
///     producers ──▶ proxy ──▶ API ──▶ proxy ──▶ PostgreSQL
///         │                    └────▶ proxy ──▶ Redis          workers ──▶ proxies ──▶ both
///      journals                                                   └──▶ starts
///
/// Every box is a process of its own, except for the proxies; the nemesis signals all of them. When it is over, and
/// everything has had its time to heal, the checker compares the clients' journals, the starts of handlers, and the ledger
/// with its history, which a trigger writes.
struct Torture: Sendable {
    let settings: TortureSettings
    let root: URL
    let keepsFolder: Bool
    let say: @Sendable (String) -> Void

    private static let queues = ["default", "a", "b"]

    /// Whether every promise was kept.
    func run() async throws -> Bool {
        let folder = URL(filePath: try await shell(["mktemp", "-d", "/tmp/millrace-torture.XXXXXX"]))
        let network = "mrt\(getpid())"
        let undertaker = try Undertaker(of: folder, network: network, root: root, keepsFolder: keepsFolder)
        defer { undertaker.bury() }
        if keepsFolder { say("everything is kept in \(folder.path())") }
        for name in ["logs", "journals", "starts"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        let whole = PlannedFault.plan(settings)
        let equipment = await Equipment(for: whole, name: network, folder: folder, root: root)
        sayMissing(whole, equipment)
        let stores = Stores(folder: folder, root: root, clocks: equipment.clocks)
        try await start(stores, equipment)
        let course = try await course(stores, equipment, whole.filter { equipment.allows($0.fault) })
        let verdict = try await torture(course, stores, folder)
        sayMissing(whole, equipment)
        try await stores.stop()
        return verdict
    }

    /// What this run does not prove.
    private func sayMissing(_ plan: [PlannedFault], _ equipment: Equipment) {
        for (means, reason) in equipment.missing.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let faults = Set(plan.map(\.fault).filter { $0.means == means }.map(\.rawValue)).sorted()
            say("LEFT OUT: \(faults.joined(separator: ", ")): \(reason)")
        }
    }

    private func start(_ stores: Stores, _ equipment: Equipment) async throws {
        if equipment.hasSmallDisks {
            try await stores.mountDisk(of: .redis)
            // The server makes its folder itself.
            try await stores.startPostgres()
            await stores.endPostgres()
            try await stores.mountDisk(of: .postgres)
        }
        try await stores.startRedis()
        try await stores.startPostgres()
    }

    struct Course {
        let plan: [PlannedFault]
        let mill: Mill
        let nemesis: Nemesis
        let audit: RedisAudit
        let throughput: Throughput
        let staff: Operator?
    }

    private func course(_ stores: Stores, _ equipment: Equipment, _ plan: [PlannedFault]) async throws -> Course {
        let chronicle = Chronicle(say: say)
        let executable = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let apiPort = UInt16.random(in: 10_000..<15_000)
        let supervisedAPIPort = UInt16.random(in: 15_000..<20_000)
        let (host, network) = (equipment.network?.address ?? "127.0.0.1", equipment.network)
        var apis = [try FaultProxy(namespace: network?.file(of: .api)) { apiPort }]
        if settings.hasSupervisor {
            apis.append(try FaultProxy(namespace: network?.file(of: .work)) { supervisedAPIPort })
        }
        let proxies = Nemesis.Proxies(
            redis: try FaultProxy(at: host) { stores.redisPort },
            postgres: try FaultProxy(at: host) { stores.postgresPort }, apis: apis)
        let environment = [
            "REDIS_URL": "redis://\(host):\(proxies.redis.port)",
            "DATABASE_URL": "postgresql://millrace@\(host):\(proxies.postgres.port)/postgres",
            StartJournal.folderVariable: stores.folder.appending(path: "starts").path(),
        ]
        let addresses = Mill.Addresses(
            environment: environment, apiPort: apiPort, supervisedAPIPort: supervisedAPIPort,
            clientPorts: apis.map(\.port))
        let mill = Mill(
            settings, folder: stores.folder, executable: executable, addresses: addresses, equipment: equipment,
            chronicle)
        let key = try await mill.prepare(queues: Self.queues)
        let throughput = Throughput(wanted: Double(settings.rate) / 2, chronicle)
        let nemesis = Nemesis(
            mill: mill, stores: stores, proxies: proxies, equipment: equipment, throughput: throughput, chronicle)
        return Course(
            plan: plan, mill: mill, nemesis: nemesis, audit: RedisAudit(stores: stores, queues: Self.queues),
            throughput: throughput, staff: settings.hasOperator ? makeOperator(stores, addresses, key) : nil)
    }

    private func makeOperator(_ stores: Stores, _ addresses: Mill.Addresses, _ key: String) -> Operator {
        Operator(
            stores: stores, queues: Self.queues, seed: settings.seed,
            apis: addresses.clientPorts.map { APIClient("http://127.0.0.1:\($0)", key: key) },
            journal: ClientJournal(stores.folder.appending(path: "journals/operator").path()))
    }

    private func torture(_ course: Course, _ stores: Stores, _ folder: URL) async throws -> Bool {
        var seen = Checker.Observations()
        try await course.mill.start()
        let start = ContinuousClock.now
        let doubled = await withTaskGroup(of: Set<String>.self) { group in
            group.addTask { await watch(course, stores) }
            group.addTask { await findDoubled(course) }
            try? await course.mill.startProducers()
            await submitAndTorture(course)
            let healed = ContinuousClock.now
            let isDone = await eventually(within: .seconds(settings.convergeSeconds)) {
                guard await unfinished(stores) == 0 else { return false }
                // Those of durability `redis` need have no row yet.
                return await course.audit.keysOfJobs()?.isEmpty == true
            }
            let word = isDone ? "all jobs have ended" : "NOT ALL JOBS HAVE ENDED"
            say("\(word) \((.now - healed).text) after the last request")
            group.cancelAll()
            var doubled: Set<String> = []
            for await found in group { doubled.formUnion(found) }
            return doubled
        }
        seen.doubledIDs = doubled
        var left: [String] = []
        _ = await eventually(within: .seconds(min(40, settings.convergeSeconds))) {
            left = await course.audit.keysOfJobs() ?? ["Redis does not answer"]
            return left.isEmpty
        }
        seen.keysLeft = left
        seen.redisMiB = await redisMiB(stores)
        await course.mill.stop()
        seen.strangeEndings = await course.mill.strangeEndings
        seen.peakMiB = await course.mill.peakMiB
        say("tortured for \((ContinuousClock.now - start).text)")
        return try await check(course, stores, folder, &seen)
    }

    /// Returns when all faults are over, and the clients and the operator have ended.
    private func submitAndTorture(_ course: Course) async {
        await withDiscardingTaskGroup { group in
            if let staff = course.staff { group.addTask { await staff.run() } }
            await course.nemesis.run(course.plan)
            let limit = Duration.seconds(settings.seconds * 3 + 60)
            if !(await eventually(within: limit, { await course.mill.haveProducersFinished })) {
                say("the clients have not submitted everything, after \(limit.text)")
            }
            group.cancelAll()
        }
    }

    /// Keeps the processes alive and counts what they do, until it is cancelled.
    private func watch(_ course: Course, _ stores: Stores) async -> Set<String> {
        await withDiscardingTaskGroup { group in
            group.addTask { await course.mill.watch() }
            let count = "SELECT coalesce(sum(completed + dead), 0) FROM millrace.finished_counts"
            while !Task.isCancelled {
                if let ended = try? await stores.rows(count, within: 3).first.flatMap({ Int($0) }) {
                    await course.throughput.add(ended)
                }
                await pause(.milliseconds(500))
            }
        }
        return []
    }

    /// Ids that Millrace put in two places; what a damaged file brought back is not counted.
    private func findDoubled(_ course: Course) async -> Set<String> {
        var doubled: Set<String> = []
        while !Task.isCancelled {
            if let found = await course.audit.doubled(), await !course.nemesis.isRedisDamaged {
                doubled.formUnion(found)
            }
            await pause(.seconds(2))
        }
        return doubled
    }

    private func unfinished(_ stores: Stores) async -> Int? {
        let count = "SELECT count(*) FROM millrace.job_rows WHERE finished_at IS NULL"
        return (try? await stores.rows(count, within: 10).first).flatMap { Int($0) }
    }

    private func redisMiB(_ stores: Stores) async -> Int {
        let info = (try? await stores.redis("INFO", "memory")) ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        return line.flatMap { Int($0.dropFirst("used_memory:".count)) }.map { $0 >> 20 } ?? 0
    }
}
