// SPDX-License-Identifier: Apache-2.0

/// What a torture does; with one seed the clients submit the same jobs and the nemesis plans the same faults.
struct TortureSettings: Sendable {
    var seed: UInt64
    var jobs: Int
    /// How long jobs are submitted and faults happen.
    var seconds: Int
    /// Processes killed.
    var kills: Int
    /// Redis with all its data gone.
    var wipes: Int
    /// All other faults.
    var faults: Int
    /// Whether these are of all kinds, and not only of those that are over soon.
    var isThorough = false
    /// Instead of all these: so many of each.
    var only: [(fault: Fault, count: Int)] = []
    /// Whether there is somebody who pauses queues, and cancels and retries jobs.
    var hasOperator = false
    var workers: Int
    var producers = 2
    /// Of each worker.
    var concurrency: Int
    /// nil = a mixture.
    var jobMilliseconds: Int?
    /// Of the batches, those whose jobs have durability `redis`.
    var redisPercent = 0
    /// How long everything may take to end after the last fault.
    var convergeSeconds: Int
    /// In all processes.
    var guardsOff: [String] = []
    /// In the first worker, until it ends.
    var workerFailpoints = ""
    /// In the first API, until it ends.
    var apiFailpoints = ""

    /// Jobs a second, all producers together.
    var rate: Int { max(producers, jobs / max(1, seconds)) }

    /// Whether an API and workers under a supervisor (`up`) are there besides those that run alone.
    var hasSupervisor: Bool { isThorough || only.contains { $0.fault.isOfSupervisor } }

    /// Worker processes at the most.
    var workersMax: Int { workers + (hasSupervisor ? Mill.supervisedMax : 0) }

    /// The jobs that a producer submits, which begin with 1.
    func share(of producer: Int) -> (first: Int, count: Int) {
        let size = jobs / producers
        let first = (producer - 1) * size + 1
        return (first, producer == producers ? jobs - first + 1 : size)
    }

    func failpoints(for role: Mill.Role, isFirst: Bool) -> String {
        var entries = guardsOff.map { "\($0):off" }
        if isFirst, role == .worker(1), !workerFailpoints.isEmpty { entries.append(workerFailpoints) }
        if isFirst, role == .api, !apiFailpoints.isEmpty { entries.append(apiFailpoints) }
        return entries.joined(separator: ",")
    }

    func isArmedToDie(_ role: Mill.Role) -> Bool {
        role == .worker(1) && workerFailpoints.contains("kill") || role == .api && apiFailpoints.contains("kill")
    }
}
