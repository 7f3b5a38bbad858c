// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let showing: [LedgerConformance] = [
        LedgerConformance("jobs that are there are found, others are left out") { trial in
            let jobs = try await trial.jobs(3)
            try await trial.accept(jobs)

            let found = try await trial.ledger.jobs([jobs[0].id, BrokerTrial.freshID(), jobs[2].id])

            #expect(Set(found.keys) == [jobs[0].id, jobs[2].id])
            #expect(found[jobs[2].id]?.payload == jobs[2].payload)
        },
        LedgerConformance("a listing goes from the newest to the oldest, page by page") { trial in
            var jobs: [NewJob] = []
            for number in 0..<11 { try await jobs.append(trial.job(age: .seconds(number * 60))) }
            try await trial.accept(jobs.shuffled())

            let pages = try await trial.pages(JobQuery(queue: trial.queue, limit: 4))

            #expect(pages.allSatisfy { $0.count <= 4 })
            #expect(pages.flatMap(\.self).map(\.id) == jobs.map(\.id))
        },
        LedgerConformance("a listing and a summary show all of each job but what may be large") { trial in
            let job = try await trial.startFresh()
            _ = try await trial.record(job.id, 1, .retry(after: .seconds(60), error: "e"))

            let listed = try await trial.ledger.list(JobQuery(queue: trial.queue)).jobs

            let row = try await trial.row(job.id)
            #expect(listed == [row.summary])
            #expect(try await trial.ledger.summaries([BrokerTrial.freshID(), job.id]) == [job.id: row.summary])
        },
        LedgerConformance("a listing is filtered by state, and takes the due time for what has not started") { trial in
            let due = try await trial.job(due: .seconds(60))
            let scheduled = try await trial.job(due: .seconds(7200))
            let ready = try await trial.job()
            try await trial.accept([due, scheduled, ready])
            var jobs: [JobState: Set<JobID>] = [.scheduled: [scheduled.id], .ready: [ready.id, due.id]]
            jobs[.running] = [try await trial.startFresh().id]
            for (state, ending) in [(JobState.completed, LedgerTrial.completed), (.dead, .dead(error: "e"))] {
                let job = try await trial.startFresh()
                _ = try await trial.record(job.id, 1, ending)
                jobs[state] = [job.id]
            }
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)
            jobs[.cancelled] = [cancelled.id]
            try await trial.advance(by: .seconds(61))

            for (state, ids) in jobs {
                let listed = try await trial.pages(JobQuery(queue: trial.queue, state: state, limit: 100))
                #expect(Set(listed.flatMap(\.self).map(\.id)) == ids, "\(state)")
                #expect(listed.flatMap(\.self).allSatisfy { $0.state == state })
            }
            let waiting = try await trial.pages(JobQuery(queue: trial.queue, state: .waiting))
            #expect(waiting.flatMap(\.self).isEmpty)
        },
        LedgerConformance("all criteria of a listing hold at once") { trial in
            let wanted = try await trial.job(kind: "photos.store")
            try await trial.accept([
                wanted, trial.job(kind: "photos.store", due: .seconds(7200)), trial.job(kind: "photos.scale"),
                trial.job(in: trial.otherQueue, kind: "photos.store"),
            ])

            let pages = try await trial.pages(
                JobQuery(queue: trial.queue, state: .ready, kind: "photos.store", limit: 500))

            #expect(pages.flatMap(\.self).map(\.id) == [wanted.id])
        },
        LedgerConformance("ended jobs are counted over the last hour and day, by queue") { trial in
            func end(_ ending: Outcome.Ending) async throws {
                let job = try await trial.startFresh()
                _ = try await trial.record(job.id, 1, ending)
            }
            try await end(LedgerTrial.completed)
            try await end(LedgerTrial.completed)
            try await end(.dead(error: "e"))
            let cancelled = try await trial.startFresh()
            _ = try await trial.ledger.cancel(cancelled.id)
            #expect(
                try await trial.finishedCounts()
                    == FinishedCounts(completedLastHour: 2, completedLastDay: 2, deadLastHour: 1, deadLastDay: 1))

            try await trial.advance(by: .seconds(2 * 3600))
            try await end(LedgerTrial.completed)
            #expect(
                try await trial.finishedCounts()
                    == FinishedCounts(completedLastHour: 1, completedLastDay: 3, deadLastHour: 0, deadLastDay: 1))

            try await trial.advance(by: .seconds(23 * 3600))
            #expect(
                try await trial.finishedCounts()
                    == FinishedCounts(completedLastHour: 0, completedLastDay: 1, deadLastHour: 0, deadLastDay: 0))
        },
        LedgerConformance("maintenance and the check may be repeated, and leave what lives") { trial in
            let job = try await trial.startFresh()

            for _ in 0..<2 {
                try await trial.ledger.maintain()
                try await trial.ledger.check()
            }

            #expect(try await trial.row(job.id).state == .running)
            try await trial.accept(trial.job())
        },
    ]
}

extension LedgerTrial {
    func pages(_ query: JobQuery) async throws -> [[JobSummary]] {
        var query = query
        var pages: [[JobSummary]] = []
        repeat {
            let page = try await ledger.list(query)
            pages.append(page.jobs)
            query.before = page.next
        } while query.before != nil && pages.count < 1000
        return pages
    }

    func finishedCounts() async throws -> FinishedCounts {
        try await ledger.finishedCounts()[queue] ?? FinishedCounts()
    }
}
