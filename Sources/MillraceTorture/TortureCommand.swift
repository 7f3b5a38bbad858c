// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// `scripts/torture`
struct TortureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture",
        abstract: "Runs Millrace under faults, and proves that it keeps its promises.",
        discussion: """
            Producers, workers, the API, a Redis and a PostgreSQL of its own run as separate processes, while a nemesis \
            kills, freezes, wipes, rewinds and cuts them off. With one seed the same jobs are submitted and the same \
            faults planned. Exit code 1 when a promise was broken. Some faults take root, which may make network \
            namespaces and mount file systems in memory; without it they are left out, and it says so.
            """)

    @Option(help: "Default: a random one, which is printed.")
    var seed: UInt64?
    @Option(help: "Jobs to submit.")
    var jobs = 50_000
    @Option(help: "Seconds over which they are submitted, while the faults happen.")
    var duration = 75
    @Option(help: "Processes to kill.")
    var kills = 30
    @Option(help: "How often Redis loses all its data.")
    var wipes = 2
    @Option(help: "Other faults.")
    var faults = 12
    @Flag(help: "Faults of all kinds: also networks that swallow packets, full disks, clocks, and a supervisor.")
    var thorough = false
    @Option(help: "Instead of all these, such as flushRedis=2,killWorker=5; \"none\" for no faults.")
    var only: String?
    @Option(help: "Worker processes.")
    var workers = 3
    @Option(help: "Handlers at the same time, in each of them.")
    var concurrency = 32
    @Option(help: "Every job takes so long and does nothing else. Default: a mixture.")
    var jobMilliseconds: Int?
    @Option(help: "Of a hundred batches, those whose jobs have durability redis.")
    var redisPercent = 15
    @Option(help: "Seconds in which everything has to end when the faults are over.")
    var converge = 180
    @Option(help: "Safeguards to switch off in all processes, with commas between: the torture has to find out.")
    var off: String?
    @Option(help: "Failpoints of the first worker's first process, as in MILLRACE_FAILPOINTS.")
    var armWorker = ""
    @Option(help: "Failpoints of the first API's first process.")
    var armAPI = ""
    @Option(help: "The repository, for its scripts.")
    var root = "."
    @Flag(help: "Keeps data, logs and journals.")
    var keep = false

    func validate() throws {
        let ranges = [
            ("--jobs", jobs, 10...10_000_000), ("--duration", duration, 1...86_400), ("--kills", kills, 0...10_000),
            ("--wipes", wipes, 0...1000), ("--faults", faults, 0...10_000), ("--workers", workers, 1...12),
            ("--concurrency", concurrency, 1...1000), ("--converge", converge, 1...3600),
            ("--redis-percent", redisPercent, 0...100),
        ]
        for (name, value, range) in ranges where !range.contains(value) {
            throw ValidationError("\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        _ = try onlyFaults()
    }

    private func onlyFaults() throws -> [(fault: Fault, count: Int)] {
        guard let only, only != "none" else { return [] }
        return try only.split(separator: ",").map { entry in
            let parts = entry.split(separator: "=")
            guard let fault = parts.first.flatMap({ Fault(rawValue: String($0)) }), parts.count <= 2,
                let count = parts.count == 2 ? Int(parts[1]) : 1, count > 0
            else {
                let known = Fault.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--only: \(entry) is no fault with =COUNT; there are \(known)")
            }
            return (fault, count)
        }
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let isNone = only == "none"
        let settings = TortureSettings(
            seed: seed ?? .random(in: 1...999_999), jobs: jobs, seconds: duration, kills: isNone ? 0 : kills,
            wipes: isNone ? 0 : wipes, faults: isNone ? 0 : faults, isThorough: thorough, only: try onlyFaults(),
            hasOperator: !isNone, workers: workers, concurrency: concurrency, jobMilliseconds: jobMilliseconds,
            redisPercent: redisPercent, convergeSeconds: converge,
            guardsOff: off.map { $0.split(separator: ",").map(String.init) } ?? [], workerFailpoints: armWorker,
            apiFailpoints: armAPI)
        let torture = Torture(
            settings: settings, root: URL(filePath: root), keepsFolder: keep,
            say: { FileHandle.standardOutput.write(Data("\($0)\n".utf8)) })
        torture.say("torture: seed \(settings.seed), \(jobs) jobs in \(duration) s")
        if try await !torture.run() { throw ExitCode(1) }
    }
}
