// SPDX-License-Identifier: Apache-2.0

import Millrace
import Synchronization
import Testing

extension BrokerConformance {
    static let describing: [BrokerConformance] = [
        BrokerConformance("a queue that nobody has named is empty and has no epoch") { trial in
            #expect(try await trial.broker.epoch(of: trial.queue) == nil)
            let status = try await trial.status()
            #expect(status.queue == trial.queue)
            #expect(status.epoch == nil)
            #expect(!status.isPaused)
            try await trial.expectEmpty([])
        },
        BrokerConformance("settings stay until they are written anew, and none touches the other") { trial in
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: Epoch(number: 3))
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)
            #expect(try await trial.broker.epoch(of: trial.queue) == Epoch(number: 3))
            #expect(try await trial.status().isPaused)

            try await trial.broker.configure(trial.queue, isPaused: false, epoch: Epoch(number: .max))
            #expect(try await trial.broker.epoch(of: trial.queue) == Epoch(number: .max))
            let status = try await trial.status()
            #expect(status.epoch == Epoch(number: .max))
            #expect(!status.isPaused)
        },
        BrokerConformance("the status counts what is in each place") { trial in
            let oldest = try await trial.prepare(1, priority: .low)
            try await trial.enqueue([trial.job(priority: .high), trial.job(priority: .low)])
            try await trial.enqueue([trial.job(delay: .seconds(60)), trial.job(priority: .low, delay: .seconds(60))])
            _ = try await trial.reserve(1)

            let status = try await trial.status()

            #expect(status.ready.filter { $0.value > 0 } == [.low: 2])
            #expect(status.readyCount == 2)
            #expect(status.scheduled == 2)
            #expect(status.running == 1)
            #expect(status.cancelledEntries == 0)
            #expect(status.oldestReady == oldest[0].id)
        },
        BrokerConformance("statuses come in the order of the queues") { trial in
            _ = try await trial.prepare(2)
            let empty = BrokerTrial.freshQueue()

            let statuses = try await trial.broker.status(of: [empty, trial.queue])

            #expect(statuses.map(\.queue) == [empty, trial.queue])
            #expect(statuses.map(\.readyCount) == [0, 2])
        },
        BrokerConformance("the memory is told, and counts live jobs where it is limited") { trial in
            let jobs = try await trial.prepare(200)
            _ = try await trial.reserve(50)

            let memory = try await trial.broker.memory()

            // Other cases use it as well.
            #expect(memory.usedBytes >= jobs.count * 16)
            if memory.bytesMax != nil { #expect(memory.liveJobs >= jobs.count) }
        },
        BrokerConformance("a server that runs on keeps its id") { trial in
            let id = try await trial.broker.serverID()

            #expect(!id.isEmpty)
            #expect(try await trial.broker.serverID() == id)
        },
        BrokerConformance("a worker is listed as it last reported, until it withdraws") { trial in
            var report = trial.report()
            try await trial.broker.report(report)
            #expect(try await trial.reported() == report)

            report.running = 3
            report.isDraining = true
            try await trial.broker.report(report)
            #expect(try await trial.reported() == report)

            try await trial.broker.withdraw(trial.process)
            #expect(try await trial.reported() == nil)
            try await trial.broker.withdraw(trial.process)
        },
        BrokerConformance("a worker is forgotten after 30 s without a word") { trial in
            try await trial.broker.report(trial.report())

            try await trial.advance(by: .seconds(25))
            #expect(try await trial.reported().map { $0.silence >= .seconds(25) } == true)
            try await trial.advance(by: .seconds(6))

            #expect(try await trial.reported() == nil)
        },
        BrokerConformance("finished jobs are announced to every listener") { trial in
            try await trial.open()
            let job = trial.job()

            try await trial.expectHeard(by: 2, isFinished(job.id)) {
                try await trial.enqueue([job])
                let reserved = try await trial.reserve(1)
                _ = try await trial.broker.complete(reserved.leases, in: trial.queue, announcing: [job.id])
            }
        },
        BrokerConformance("finished jobs are announced even where their lease was lost") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.broker.releaseAll(of: trial.process, in: trial.queue)

            try await trial.expectHeard(isFinished(reserved.lease.id)) {
                _ = try await trial.broker.complete(
                    [reserved.lease], in: trial.queue, announcing: [reserved.lease.id])
            }
        },
        BrokerConformance("a cancellation is announced, whether the broker knows the job or not") { trial in
            let jobs = [trial.job(), trial.job()]
            try await trial.enqueue([jobs[0]])

            for job in jobs {
                for token in [nil, trial.declared(job.id).lease.token] {
                    try await trial.expectHeard({ $0 == .cancelled(job.id, token) }) {
                        try await trial.broker.cancel(job.id, token: token, in: trial.queue)
                    }
                }
            }
        },
    ]

    private static func isFinished(_ id: JobID) -> @Sendable (Announcement) -> Bool {
        { if case .finished(let ids) = $0 { ids.contains(id) } else { false } }
    }
}

extension BrokerTrial {
    func report() -> WorkerReport {
        WorkerReport(
            process: "\(process)", pid: 4711, host: "host.example", pool: "photos", queues: [queue.name],
            concurrency: 8, running: 0, startedAtUnixMilliseconds: 1_767_225_600_000, isDraining: false, stuck: 0,
            longest: [
                WorkerReport.RunningJob(
                    id: "019b76da-a800-7000-8000-000000000001", kind: "photos.store", queue: queue.name, attempt: 2,
                    ranMilliseconds: 1500)
            ], kinds: ["photos.resize", "photos.store"])
    }

    func reported() async throws -> WorkerReport? {
        var report = try await broker.workers().first { $0.process == "\(process)" }
        // A clock that runs on may show a millisecond.
        if let silence = report?.silence, silence < .seconds(5) { report?.silence = .zero }
        return report
    }

    /// Repeats an act until every listener has heard of it: a subscription may take its time.
    func expectHeard(
        by listeners: Int = 1, _ isExpected: @escaping @Sendable (Announcement) -> Bool, _ act: () async throws -> Void
    ) async throws {
        let streams = (0..<listeners).map { _ in broker.announcements() }
        let heard = Heard()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, stream) in streams.enumerated() {
                group.addTask {
                    for await event in stream where isExpected(event) { heard.note(index) }
                }
            }
            try await eventually("every listener hears of it") {
                try await act()
                return heard.count == listeners
            }
            group.cancelAll()
            // Each stream ends with its consumer's cancellation; one that does not would hang here.
            try await group.waitForAll()
        }
    }
}

/// Which listeners have heard what they wait for.
private final class Heard: Sendable {
    private let listeners = Mutex<Set<Int>>([])

    var count: Int { listeners.withLock { $0.count } }

    func note(_ listener: Int) {
        _ = listeners.withLock { $0.insert(listener) }
    }
}
