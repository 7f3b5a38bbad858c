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
        let undertaker = try Undertaker(of: folder, keepsFolder: keepsFolder)
        defer { undertaker.bury() }
        if keepsFolder { say("everything is kept in \(folder.path())") }
        for name in ["logs", "journals", "starts"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        let stores = Stores(folder: folder, root: root)
        try await stores.start()
        let course = try await course(stores)
        let verdict = try await torture(course, stores, folder)
        try await stores.stop()
        return verdict
    }

    private struct Course {
        let mill: Mill
        let nemesis: Nemesis
        let audit: RedisAudit
        let throughput = Throughput()
    }

    private func course(_ stores: Stores) async throws -> Course {
        let executable = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let apiPort = UInt16.random(in: 10_000..<20_000)
        let proxies = Nemesis.Proxies(
            redis: try FaultProxy { stores.redisPort }, postgres: try FaultProxy { stores.postgresPort },
            api: try FaultProxy { apiPort })
        let environment = [
            "REDIS_URL": "redis://127.0.0.1:\(proxies.redis.port)",
            "DATABASE_URL": "postgresql://millrace@127.0.0.1:\(proxies.postgres.port)/postgres",
            StartJournal.folderVariable: stores.folder.appending(path: "starts").path(),
        ]
        let mill = Mill(
            settings, folder: stores.folder, executable: executable, environment: environment, apiPort: apiPort,
            clientPort: proxies.api.port)
        let configuration = """
            api:
              database_connections: 8
            pools:
              default:
                queues: [\(Self.queues.joined(separator: ", "))]
                concurrency: \(settings.concurrency)
                database_connections: 8
                drain_timeout: 3s
            """
        try Data(configuration.utf8).write(to: mill.configuration)
        try await shell(
            [executable.path(), "migrate", "--config", mill.configuration.path()], environment: environment)
        return Course(
            mill: mill, nemesis: Nemesis(mill: mill, stores: stores, proxies: proxies),
            audit: RedisAudit(stores: stores, queues: Self.queues))
    }

    private func torture(_ course: Course, _ stores: Stores, _ folder: URL) async throws -> Bool {
        var seen = Checker.Observations()
        try await course.mill.start()
        let start = ContinuousClock.now
        let doubled = await withTaskGroup(of: Set<String>.self) { group in
            group.addTask { await watch(course, stores) }
            group.addTask { await findDoubled(course) }
            try? await course.mill.startProducers()
            await course.nemesis.run(PlannedFault.plan(settings))
            let limit = Duration.seconds(settings.seconds * 3 + 60)
            if !(await eventually(within: limit, { await course.mill.haveProducersFinished })) {
                say("the clients have not submitted everything, after \(limit)")
            }
            let healed = ContinuousClock.now
            let isDone = await eventually(within: .seconds(settings.convergeSeconds)) { await unfinished(stores) == 0 }
            say("\(isDone ? "all jobs have ended" : "NOT ALL JOBS HAVE ENDED") \(.now - healed) after the last request")
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
        say("tortured for \(ContinuousClock.now - start)")
        return try await check(course.nemesis, course.throughput, stores, folder, &seen)
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
