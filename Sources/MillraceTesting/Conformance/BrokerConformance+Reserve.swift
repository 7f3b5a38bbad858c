// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let reserving: [BrokerConformance] = [
        BrokerConformance("within a lane the oldest job comes first") { trial in
            let first = try await trial.prepare(2)
            let second = [trial.job(), trial.job()]
            try await trial.enqueue(second)

            #expect(try await trial.reserve(3).ids == Array((first + second).ids.prefix(3)))
            #expect(try await trial.reserve(3).ids == [second[1].id])
        },
        BrokerConformance("higher priorities come first, in one reservation over several lanes") { trial in
            try await trial.open()
            let jobs = [Priority.low, .critical, .normal, .high, .critical].map { trial.job(priority: $0) }
            try await trial.enqueue(jobs)

            let reserved = try await trial.reserve(4)

            #expect(reserved.ids == [jobs[1].id, jobs[4].id, jobs[3].id, jobs[2].id])
            #expect(reserved.map(\.lease.token.lane) == [.critical, .critical, .high, .normal])
        },
        BrokerConformance("backwards the lowest priority comes first, its oldest job before its others") { trial in
            try await trial.open()
            let jobs = [Priority.low, .critical, .normal, .high, .low].map { trial.job(priority: $0) }
            try await trial.enqueue(jobs)

            let reserved = try await trial.reserve(4, backwards: true)

            #expect(reserved.ids == [jobs[0].id, jobs[4].id, jobs[2].id, jobs[3].id])
        },
        BrokerConformance("a reservation says whether more is ready") { trial in
            _ = try await trial.prepare(3)

            let first = try await trial.reservation(2)
            let second = try await trial.reservation(2)

            #expect(first.jobs.count == 2)
            #expect(first.isMoreReady)
            #expect(second.jobs.count == 1)
            #expect(!second.isMoreReady)
        },
        BrokerConformance("an empty queue answers with nothing") { trial in
            try await trial.open()

            #expect(try await trial.reservation() == Reservation())
        },
        BrokerConformance("a job is reserved by one process, however many ask at once") { trial in
            let jobs = try await trial.prepare(40)

            let reserved = try await withThrowingTaskGroup(of: [LeasedJob].self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await trial.broker.reserve(
                            8, from: trial.queue, epoch: trial.epoch, process: ProcessID(number: UInt64(number)),
                            backwards: number.isMultiple(of: 2)
                        ).jobs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(reserved.count == jobs.count)
            #expect(Set(reserved.ids) == Set(jobs.ids))
        },
        BrokerConformance("a later lease of a job has a greater token") { trial in
            let first = try await trial.reserveFresh()
            _ = try await trial.broker.release([first.lease], in: trial.queue)

            let second = try #require(try await trial.reserve().first)

            #expect(second.lease.id == first.lease.id)
            #expect(second.lease.token > first.lease.token)
        },
        BrokerConformance("without an epoch nothing is reserved") { trial in
            try await trial.enqueue([trial.job()])

            let error = await #expect(throws: BrokerError.self) { try await trial.reserve() }

            #expect(error?.code == .epochMismatch)
            #expect(try await trial.status().readyCount == 1)
        },
        BrokerConformance("with another epoch nothing is reserved") { trial in
            let jobs = try await trial.prepare(1)

            let error = await #expect(throws: BrokerError.self) {
                try await trial.broker.reserve(
                    1, from: trial.queue, epoch: Epoch(number: trial.epoch.number + 1), process: trial.process,
                    backwards: false)
            }

            #expect(error?.code == .epochMismatch)
            #expect(try await trial.reserve().ids == jobs.ids)
        },
        BrokerConformance("a paused queue gives nothing away and still takes jobs in") { trial in
            let before = try await trial.prepare(1)
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)

            let after = trial.job()
            try await trial.enqueue([after])
            let paused = try await trial.reservation()

            #expect(paused.jobs.isEmpty)
            #expect(paused.isPaused)
            try await trial.broker.configure(trial.queue, isPaused: false, epoch: nil)
            let resumed = try await trial.reservation()
            #expect(resumed.jobs.ids == before.ids + [after.id])
            #expect(!resumed.isPaused)
        },
        BrokerConformance("jobs that ran before a pause can end") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)

            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            let ended = try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: [])

            #expect(statuses == [.owned])
            #expect(ended == [true])
        },
        BrokerConformance("a reservation says when the earliest scheduled job is due") { trial in
            try await trial.open()
            try await trial.enqueue([
                trial.job(delay: .seconds(90)), trial.job(delay: .seconds(30)), trial.job(delay: .seconds(60)),
            ])

            let nextDue = try #require(try await trial.reservation().nextDue)

            #expect(nextDue > .seconds(25) && nextDue <= .seconds(30))
        },
        BrokerConformance("a reservation fills its slots past cancelled entries, and removes them") { trial in
            let jobs = try await trial.prepare(5)
            for job in jobs[0...2] { try await trial.broker.cancel(job.id, token: nil, in: trial.queue) }

            let reservation = try await trial.reservation(2)

            #expect(reservation.jobs.ids == [jobs[3].id, jobs[4].id])
            let status = try await trial.status()
            #expect(status.cancelledEntries == 0)
            #expect(status.readyCount == 0)
            #expect(try await trial.broker.knows(jobs.ids, in: trial.queue) == [false, false, false, true, true])
        },
        BrokerConformance("more cancelled entries than one reservation looks at do not hide what is behind") { trial in
            let cancelled = try await trial.prepare(Limits.storeBatchMax)
            for job in cancelled { try await trial.broker.cancel(job.id, token: nil, in: trial.queue) }
            let more = (0..<20).map { _ in trial.job() }
            try await trial.enqueue(more)
            for job in more.dropLast() { try await trial.broker.cancel(job.id, token: nil, in: trial.queue) }

            let first = try await trial.reservation(1)
            #expect(first.jobs.isEmpty == first.isMoreReady)
            let second = first.jobs.isEmpty ? try await trial.reservation(1) : first

            #expect(second.jobs.ids == [more[19].id])
            #expect(try await trial.status().readyCount == 0)
        },
    ]
}
