// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Torture", .serialized) struct TortureTests {
    @Test(.timeLimit(.minutes(10)))
    func `fifty thousand jobs are recorded once while processes are killed, Redis is wiped and connections are cut`()
        async throws
    {
        let (code, log) = try await Self.torture(["--jobs", "50000", "--kills", "30", "--wipes", "2", "--faults", "12"])

        #expect(code == 0, "\(log)")
        #expect(log.contains("lost 0, recorded twice 0"))
        // Nothing was proved without them.
        #expect(!log.contains("operator: 0 jobs") && !log.contains("durability redis: 0 "), "\(log)")
        #expect(log.contains("operator: ") && log.contains("durability redis: "), "\(log)")
    }

    /// Faults that a short run does not have by chance, with what lets them be over soon.
    private static let rareFaults = [
        ["blackHoleRedis", "blackHolePostgres", "killChild", "killSupervisor", "scalePool"],
        [
            "fillRedis", "fillPostgres", "readOnlyPostgres", "crowdPostgres", "lockOutRedis", "busyRedis", "tearRedis",
            "tearPostgres", "cutRedisClients", "flushScripts", "restartRedis", "sliceRedis", "slicePostgres",
        ],
        ["stepRedisClock", "stepPostgresClock", "stepProcessClock", "endSupervisor"],
    ]

    @Test(.timeLimit(.minutes(5)), arguments: rareFaults)
    func `networks that swallow, full disks, clocks and a supervisor break no promise`(faults: [String]) async throws {
        // What a wrong clock of Redis puts off would be waited for: then nothing is due later.
        let isTimed = faults.contains("stepRedisClock")
        let arguments =
            ["--jobs", "3000", "--duration", "15", "--seed", "7"] + (isTimed ? ["--job-milliseconds", "10"] : [])

        let (code, log) = try await Self.torture(arguments + ["--only", faults.joined(separator: ",")])

        #expect(code == 0, "\(log)")
        // Without root some cannot be, which is said.
        let leftOut = log.split(separator: "\n").filter { $0.hasPrefix("LEFT OUT: ") }.joined()
        #expect(geteuid() != 0 || leftOut.isEmpty, "\(log)")
        #expect(faults.allSatisfy { log.contains("  \($0) ") || leftOut.contains($0) }, "\(log)")
    }

    /// A safeguard, what has to happen without it, and the promise that is broken then.
    struct Cheat: Sendable, CustomStringConvertible {
        let off: String
        var alsoOff: String?
        let arguments: [String]
        let broken: [String]

        var description: String { off }
    }

    private static let cheats = [
        // The leases of jobs that had ended are reclaimed.
        Cheat(
            off: "claim", arguments: ["--jobs", "2000", "--arm-worker", "recordedNotAcknowledged:kill@3"],
            broken: ["started twice under one claim"]),
        // A worker that slept for longer than its leases records what others are running.
        Cheat(
            off: "fence",
            arguments: [
                "--jobs", "60", "--workers", "2", "--concurrency", "16", "--job-milliseconds", "6000", "--arm-worker",
                "endedNotRecorded:stall(18s)@1",
            ], broken: ["recorded by another attempt than the one that held the job"]),
        // Accepted and never pushed.
        Cheat(
            off: "sweep", arguments: ["--jobs", "1000", "--arm-api", "acceptedNotPushed:kill@5"], broken: ["not ended"]),
        // What one relay has pushed, another finds still flagged, while both wait behind others.
        Cheat(
            off: "idempotentPush",
            arguments: [
                "--jobs", "800", "--workers", "2", "--concurrency", "1", "--arm-worker",
                "relayPushedNotCleared:stall(300ms)",
            ], broken: ["in two places in Redis"]),
        // Of jobs that Redis alone holds: acknowledged and never recorded, and begun again without a claim.
        Cheat(
            off: "claim,writeOrder",
            arguments: [
                "--redis-percent", "100", "--jobs", "1000", "--job-milliseconds", "400", "--arm-worker",
                "endedNotRecorded:kill@5",
            ],
            broken: [
                "entrusted to Redis and lost, though Redis has lost nothing since",
                "entrusted to Redis and begun twice, though nobody has brought them back",
            ]),
        // Acknowledged and never recorded; with the sweep it would run again.
        Cheat(
            off: "writeOrder", alsoOff: "sweep",
            arguments: ["--jobs", "600", "--job-milliseconds", "5", "--arm-worker", "endedNotRecorded:kill@5"],
            broken: ["not ended"]),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: cheats)
    func `it finds out when a safeguard is switched off, and nothing when it is not`(cheat: Cheat) async throws {
        let usual = ["--duration", "4", "--only", "none", "--redis-percent", "0"] + cheat.arguments
        let others = cheat.alsoOff.map { [$0] } ?? []
        let off = ["--converge", "25", "--off", ([cheat.off] + others).joined(separator: ",")]
        let on = others.isEmpty ? [] : ["--off", others.joined(separator: ",")]

        async let cheated = Self.torture(usual + off)
        async let honest = Self.torture(usual + on)
        let (found, fair) = try await (cheated, honest)

        #expect(found.code == 1, "\(found.log)")
        for broken in cheat.broken { #expect(found.log.contains("    \(broken): "), "\(found.log)") }
        #expect(fair.code == 0, "\(fair.log)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `all that it starts ends with it, even by a kill`() async throws {
        // A network and disks of its own, as far as it may have them.
        let torture = try Self.start(["--only", "blackHoleRedis,fillRedis,fillPostgres", "--keep"])
        let isUnderWay = await eventually(within: .seconds(60)) {
            Self.folder(in: torture.log).map(Self.processes)?.count ?? 0 > 6
        }
        #expect(isUnderWay, "\(torture.log)")

        torture.signal(SIGKILL)

        let folder = try #require(Self.folder(in: torture.log))
        let haveEnded = await eventually(within: .seconds(30)) { Self.processes(in: folder).isEmpty }
        #expect(haveEnded, "\(Self.processes(in: folder))")
        let isTraceless = await eventually(within: .seconds(30)) {
            let mounts = try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)
            let namespaces = (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
            return mounts?.contains(folder) == false && !namespaces.contains { $0.hasPrefix("mrt\(torture.pid)-") }
        }
        #expect(isTraceless)
        try FileManager.default.removeItem(atPath: folder)
    }

    private static func start(_ arguments: [String]) throws -> Child {
        try Child(
            "torture", Repository.torture, ["torture", "--root", Repository.root.path()] + arguments, environment: [:],
            logFolder: FileManager.default.temporaryDirectory)
    }

    /// Its exit code, and what it said.
    private static func torture(_ arguments: [String]) async throws -> (code: Int32?, log: String) {
        let child = try start(arguments)
        defer { try? FileManager.default.removeItem(at: child.logFile) }
        let code = await child.exitCode(within: 560)
        return (code, child.log)
    }

    private static func folder(in log: String) -> String? {
        log.firstMatch(of: /everything is kept in (\S+?)\/?\n/).map { String($0.1) }
    }

    /// Those that work in a folder.
    private static func processes(in folder: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { process in
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")
            return path.map { $0 == folder || $0.hasPrefix(folder + "/") } ?? false
        }
    }
}
