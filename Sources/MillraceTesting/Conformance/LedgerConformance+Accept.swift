// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let accepting: [LedgerConformance] = [
        LedgerConformance("an accepted job is remembered with all that was submitted") { trial in
            var job = try await trial.job(#"{"a":1}"#, kind: "photos.store", priority: .high, maxAttempts: 7)
            job.expiresAt = try await trial.now() + .seconds(3600)
            job.timeout = .milliseconds(1500)
            job.tags = ["red", "grün, \"quoted\" {braced}", ""]
            job.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

            try await trial.accept(job)

            let row = try await trial.row(job.id)
            #expect(row.id == job.id)
            #expect(row.queue == job.queue)
            #expect(row.kind == "photos.store")
            #expect(row.priority == .high)
            #expect(row.state == .ready)
            #expect(row.maxAttempts == 7)
            #expect(row.timeout == .milliseconds(1500))
            #expect(row.payload == job.payload)
            #expect(row.tags == job.tags)
            #expect(row.expiresAt == job.expiresAt)
            #expect(row.createdAt.isNear(try await trial.now()))
            #expect(row.dueAt.isNear(try await trial.now()))
            #expect(try await trial.unfinished().map(\.id) == [job.id])
            #expect(try await trial.pushable(job.id).envelope == JobEnvelope(of: job))
        },
        LedgerConformance("a fresh job has neither run nor ended") { trial in
            let job = try await trial.job()

            try await trial.accept(job)

            let row = try await trial.row(job.id)
            #expect([row.attempt, row.failures, row.crashes] == [0, 0, 0])
            #expect(row.result == nil)
            #expect(row.errors.isEmpty)
            #expect(row.tags.isEmpty)
            #expect(row.expiresAt == nil)
            #expect(row.startedAt == nil)
            #expect(row.finishedAt == nil)
            #expect(row.worker == nil)
        },
        LedgerConformance("a payload comes back byte for byte") { trial in
            let payloads = [
                #" { "b" : 9007199254740993 , "a":1.10, "a": [ ] }"#, #""\u0000 \ud83d\ude00 é 😀""#, "null", "-0.0e-7",
                "[[[{\"\":{}}]]]", "\"\(String(repeating: "x", count: 200_000))\"",
            ]
            var jobs: [NewJob] = []
            for payload in payloads { try await jobs.append(trial.job(payload)) }

            try await trial.accept(jobs)

            for job in jobs { #expect(try await trial.row(job.id).payload == job.payload) }
        },
        LedgerConformance("a job whose id is there already is left as it is") { trial in
            let job = try await trial.job("[1]")
            try await trial.accept(job)
            try await trial.start(job.id, 1)
            var again = job
            again.payload = Array("[2]".utf8)
            let fresh = try await trial.job("[3]")

            try await trial.accept([again, fresh])

            #expect(try await trial.row(job.id).payload == job.payload)
            #expect(try await trial.row(job.id).state == .running)
            #expect(try await trial.row(fresh.id).payload == fresh.payload)
        },
        LedgerConformance("a payload that is no JSON refuses its submission, and names the job at fault") { trial in
            for poison in [
                Array("".utf8), Array("{\"a\":".utf8), Array("[1] 2".utf8), [0x22, 0xFF, 0x22], [0x22, 0, 0x22],
            ] {
                var jobs = try await trial.jobs(4)
                jobs[2].payload = poison

                let error = try await trial.refusal(of: jobs)

                #expect(error.code == .rejected)
                #expect(error.index == 2)
                #expect(try await trial.ledger.jobs(jobs.map(\.id)).isEmpty)
            }
        },
        LedgerConformance("an id from too long ago or too far ahead refuses its submission, and is named") { trial in
            for age in [Duration.seconds(25 * 3600), .seconds(400 * 86_400), .seconds(-360), .seconds(-86_400)] {
                let jobs = [try await trial.job(), try await trial.job(age: age)]

                let error = try await trial.refusal(of: jobs)

                #expect(error.code == .rejected)
                #expect(error.index == 1)
                #expect(try await trial.ledger.jobs(jobs.map(\.id)).isEmpty)
            }
        },
        LedgerConformance("ids of the last day and of the next minutes are accepted") { trial in
            let jobs = [try await trial.job(age: .seconds(23 * 3600)), try await trial.job(age: .seconds(-240))]

            try await trial.accept(jobs)

            #expect(try await trial.ledger.jobs(jobs.map(\.id)).count == 2)
        },
        LedgerConformance("a large submission is accepted whole") { trial in
            let jobs = try await trial.jobs(2500)

            try await trial.accept(jobs)

            #expect(try await trial.ledger.jobs(jobs.map(\.id)).count == jobs.count)
        },
        LedgerConformance("submissions at the same time are all accepted, but for one that is refused by itself") {
            trial in
            let good = try await trial.jobs(40)
            let bad = try await trial.job("{")

            let refused = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for job in good + [bad] {
                    group.addTask {
                        do throws(LedgerError) {
                            _ = try await trial.ledger.accept(Submission(jobs: [job]))
                            return []
                        } catch {
                            #expect(error.code == .rejected)
                            #expect(error.index == 0)
                            return [job.id]
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(refused == [bad.id])
            #expect(try await trial.ledger.jobs(good.map(\.id)).count == good.count)
            #expect(try await trial.ledger.jobs([bad.id]).isEmpty)
        },
        LedgerConformance("a job due later is scheduled until then") { trial in
            let job = try await trial.job(due: .seconds(120))
            try await trial.accept(job)

            let before = try await trial.row(job.id)
            try await trial.advance(by: .seconds(121))
            let after = try await trial.row(job.id)

            #expect(before.state == .scheduled)
            #expect(before.dueAt == job.dueAt)
            #expect(after.state == .ready)
        },
        LedgerConformance("a job whose time has passed is due when it is accepted") { trial in
            let job = try await trial.job(due: .seconds(-3600))

            try await trial.accept(job)

            let row = try await trial.row(job.id)
            #expect(row.state == .ready)
            #expect(row.dueAt.isNear(try await trial.now()))
        },
    ]

    static let remembering: [LedgerConformance] = [
        LedgerConformance("a request that is repeated with its key is answered as the first, and does nothing") {
            trial in
            let first = try await trial.job("[1]")
            let second = try await trial.job("[2]")
            let key = trial.idempotency(answer: [0, 1, 0xFF])
            let accepted = try await trial.ledger.accept(Submission(jobs: [first], idempotency: key))
            var repeated = key
            repeated.answer = [2]

            let replayed = try await trial.ledger.accept(Submission(jobs: [second], idempotency: repeated))

            #expect(accepted == .accepted)
            #expect(replayed == .replayed([0, 1, 0xFF]))
            #expect(try await trial.ledger.jobs([first.id, second.id]).keys.sorted() == [first.id])
        },
        LedgerConformance("a key that was used for another request is refused") { trial in
            let first = try await trial.job()
            let second = try await trial.job()
            var key = trial.idempotency()
            _ = try await trial.ledger.accept(Submission(jobs: [first], idempotency: key))
            key.requestDigest = [9]

            let error = try await trial.refusal(of: [second], idempotency: key)

            #expect(error.code == .keyReused)
            #expect(try await trial.ledger.jobs([second.id]).isEmpty)
        },
        LedgerConformance("keys of different callers do not meet") { trial in
            let jobs = try await trial.jobs(3)
            let key = trial.idempotency()
            var otherScope = key
            otherScope.scope += "-other"
            otherScope.requestDigest = [9]
            var otherKey = key
            otherKey.key += "-other"

            for (job, key) in zip(jobs, [key, otherScope, otherKey]) {
                #expect(try await trial.ledger.accept(Submission(jobs: [job], idempotency: key)) == .accepted)
            }

            #expect(try await trial.ledger.jobs(jobs.map(\.id)).count == 3)
        },
        LedgerConformance("a submission that is refused leaves its key free") { trial in
            let key = trial.idempotency()
            let bad = try await trial.job("{")
            #expect(try await trial.refusal(of: [bad], idempotency: key).code == .rejected)

            var mended = key
            mended.requestDigest = [9]
            let job = try await trial.job()

            #expect(try await trial.ledger.accept(Submission(jobs: [job], idempotency: mended)) == .accepted)
        },
        LedgerConformance("a key is remembered for a day, and free after it") { trial in
            let key = trial.idempotency()
            _ = try await trial.ledger.accept(Submission(jobs: [trial.job()], idempotency: key))

            try await trial.advance(by: .seconds(23 * 3600))
            try await trial.ledger.maintain()
            let within = try await trial.ledger.accept(Submission(jobs: [trial.job()], idempotency: key))
            try await trial.advance(by: .seconds(2 * 3600))
            var other = key
            other.requestDigest = [9]
            other.answer = [8]
            let job = try await trial.job()
            let after = try await trial.ledger.accept(Submission(jobs: [job], idempotency: other))
            let again = try await trial.ledger.accept(Submission(jobs: [job], idempotency: other))

            #expect(within == .replayed(key.answer))
            #expect(after == .accepted)
            #expect(again == .replayed([8]))
            #expect(try await trial.row(job.id).state == .ready)
        },
        LedgerConformance("a key that was forgotten by maintenance is free") { trial in
            let key = trial.idempotency()
            _ = try await trial.ledger.accept(Submission(jobs: [trial.job()], idempotency: key))
            try await trial.advance(by: .seconds(25 * 3600))

            try await trial.ledger.maintain()

            let job = try await trial.job()
            #expect(try await trial.ledger.accept(Submission(jobs: [job], idempotency: key)) == .accepted)
        },
        LedgerConformance("of the same request sent many times at once one is accepted") { trial in
            let key = trial.idempotency(answer: [7])
            let jobs = try await trial.jobs(12)

            let accepted: [JobID] = try await withThrowingTaskGroup(of: JobID?.self) { group in
                for job in jobs {
                    group.addTask {
                        do throws(LedgerError) {
                            let submission = Submission(jobs: [job], idempotency: key)
                            let acceptance = try await trial.ledger.accept(submission)
                            if acceptance == .accepted { return job.id }
                            #expect(acceptance == .replayed([7]))
                        } catch {
                            #expect(error.code == .keyInFlight)
                        }
                        return nil
                    }
                }
                return try await group.reduce(into: [JobID]()) { if let id = $1 { $0.append(id) } }
            }

            #expect(accepted.count == 1)
            let written = try await trial.ledger.jobs(jobs.map(\.id))
            #expect(Array(written.keys) == accepted)
        },
    ]
}

extension LedgerTrial {
    func idempotency(answer: [UInt8] = [1, 2, 3]) -> Idempotency {
        Idempotency(scope: "caller-\(queue)", key: "key-\(queue)", requestDigest: [4, 5, 6], answer: answer)
    }
}
