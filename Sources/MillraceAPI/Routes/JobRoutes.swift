// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace

/// What becomes of jobs: reading, listing, awaiting, cancelling and retrying them.
struct JobRoutes: Sendable {
    let stores: Stores
    let waiter: FinishWaiter

    var routes: [Route] {
        [
            Route(.get, "/v1/jobs", .scope(.read)) { (request) throws(Problem) in try await list(request) },
            Route(.get, "/v1/jobs/{id}", .scope(.read)) { (request) throws(Problem) in try await show(request) },
            Route(.get, "/v1/jobs/{id}/result", .scope(.readPayload)) { (request) throws(Problem) in
                try await result(request)
            },
            Route(.post, "/v1/jobs/{id}/cancel", .scope(.operate)) { (request) throws(Problem) in
                try await cancel(request)
            },
            Route(.post, "/v1/jobs/{id}/retry", .scope(.operate)) { (request) throws(Problem) in
                try await retry(request)
            },
        ]
    }

    private func list(_ request: APIRequest) async throws(Problem) -> Answer {
        let parameters = try request.query("queue", "state", "kind", "limit", "cursor")
        let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        let query = JobQuery(
            queue: try parameters.value("queue", expected: "a queue's name") { QueueName($0) },
            visibleQueues: request.caller.visibleQueues,
            state: try parameters.value("state", expected: "one of \(states)") { JobState(rawValue: $0) },
            kind: try parameters.value("kind", expected: "a kind's name") { JobKind($0) },
            before: try parameters.value("cursor", expected: "a cursor that this server gave") { Cursor.id(of: $0) },
            limit: try parameters.value("limit", expected: "a whole number from 1 to \(APILimits.pageJobsMax)") {
                text in
                Int(text).flatMap { 1...APILimits.pageJobsMax ~= $0 ? $0 : nil }
            } ?? APILimits.pageJobs)
        let page = try await stores.ledger(request.logger, extra: APILimits.listExtra) { (ledger) throws(LedgerError) in
            try await ledger.list(query)
        }
        return Answer { json in
            json.member("jobs") { json in json.array(page.jobs) { json, job in json.job(job) } }
            json.member("next", page.next.map(Cursor.text(for:)))
        }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let job = try await read(try request.jobID(), request)
        var json = JSONWriter()
        json.job(job, withPayload: request.caller.allows(.readPayload))
        return Answer(body: json.bytes)
    }

    private func result(_ request: APIRequest) async throws(Problem) -> Answer {
        let wait = try APIRequest.wait(try request.query("wait"))
        let id = try request.jobID()
        guard let wait, wait > .zero else { return try Self.outcome(of: try await read(id, request)) }
        try await expectVisible(id, request)
        var ending = await waiter.wait(for: id, atMost: wait, mayLackRow: false, request)
        if case .missing = ending {
            let job = try await read(id, request)
            guard !job.state.isFinal else { return try Self.outcome(of: job) }
            ending = await waiter.wait(for: id, atMost: wait, mayLackRow: true, request)
        }
        switch ending {
        case .finished(let job): return try Self.outcome(of: job)
        case .unfinished(let seen?):
            guard let job = await waiter.current(id) else { return Self.noOutcome(of: seen) }
            return try Self.outcome(of: job)
        case .unfinished(nil): return try Self.outcome(of: try await read(id, request))
        case .missing: throw .noJob(id)
        case .unreadable(let error): throw Problem(error, logger: request.logger)
        case .refused: throw .overloaded("too many requests wait for jobs to end")
        }
    }

    /// The result alone, in the very bytes that the handler's encoder wrote.
    private static func outcome(of job: JobRecord) throws(Problem) -> Answer {
        switch job.state {
        case .completed:
            return Answer(body: job.result ?? Array("null".utf8))
        case .dead:
            let error = job.errors.last.map { ": \($0.message)" } ?? ""
            throw Problem(.jobFailed, "the job is dead after \(job.attempt) attempts\(error)")
        case .cancelled:
            throw Problem(.jobFailed, "the job was cancelled")
        case .scheduled, .waiting, .ready, .running: return noOutcome(of: job.summary)
        }
    }

    private static func noOutcome(of job: JobSummary) -> Answer {
        var answer = Answer(status: .accepted) { $0.state(job.state, of: job.id) }
        answer.headers[.retryAfter] = "1"
        return answer
    }

    private func cancel(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let id = try request.jobID()
        try await request.body.expectNone()
        try await expectVisible(id, request)
        var verdict = try await cancelInLedger(id, request)
        var wasRunning = false
        if verdict == .missing, let unrecorded = try await find(id, request)?.unrecorded {
            wasRunning = unrecorded.token != nil
            try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in
                try await ledger.adopt([unrecorded])
            }
        }
        // Also where it was not found: it may have ended, or got its row, in between.
        if verdict == .missing { verdict = try await cancelInLedger(id, request) }
        let (queue, token, hadRow): (QueueName, LeaseToken?, Bool)
        switch verdict {
        case .cancelled(let itsQueue, let itsToken, let ran):
            (queue, token, hadRow) = (itsQueue, itsToken, true)
            wasRunning = ran
        // Told again, in case that the broker did not hear of it the first time.
        case .final(.cancelled, let itsQueue, let itsToken): (queue, token, hadRow) = (itsQueue, itsToken, false)
        case .final(let state, _, _):
            throw Problem(.wrongState, "the job is \(state.rawValue); it can be cancelled no more")
        case .missing: throw .noJob(id)
        }
        if try await tellBroker(of: id, token, mayBeUnclaimed: !hadRow, in: queue, request) { wasRunning = true }
        return Answer(status: wasRunning ? .accepted : .ok) { $0.state(.cancelled, of: id) }
    }

    private func cancelInLedger(_ id: JobID, _ request: APIRequest) async throws(Problem) -> CancelVerdict {
        try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in try await ledger.cancel(id) }
    }

    /// What fails here is made up for: the claim is refused, the next extension finds the lease lost, the sweep pushes.
    ///
    /// - Returns: true when the job ran under a lease that the ledger does not know.
    /// - Throws: a problem when the job may begin without a claim, so that nothing makes up for it.
    private func tellBroker(
        of id: JobID, _ token: LeaseToken?, mayBeUnclaimed: Bool, in queue: QueueName, _ request: APIRequest
    ) async throws(Problem) -> Bool {
        let told = await stores.brokerResult { (broker) throws(BrokerError) in
            try await broker.cancel(id, token: token, mayBeUnclaimed: mayBeUnclaimed, in: queue)
        }
        if case .failure(let error) = told {
            request.logger.debug(
                "the broker was not told of a cancellation", metadata: [.jobID: "\(id)", .error: "\(error)"])
            if mayBeUnclaimed, token == nil { throw Problem(error, logger: request.logger) }
        }
        let flagged = await stores.ledgerResult { (ledger) throws(LedgerError) in try await ledger.flagAgain([id]) }
        if case .failure(let error) = flagged {
            request.logger.debug("not flagged again", metadata: [.jobID: "\(id)", .error: "\(error)"])
        }
        return (try? told.get()) ?? false
    }

    private func retry(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let id = try request.jobID()
        try await request.body.expectNone()
        try await expectVisible(id, request)
        let verdict = try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in
            try await ledger.reopen(id)
        }
        switch verdict {
        case .reopened: return Answer(status: .accepted) { $0.state(.ready, of: id) }
        case .notFinal(let state):
            throw Problem(.wrongState, "the job is \(state.rawValue); only one that has ended is retried")
        case .missing:
            guard let job = try await find(id, request)?.record(now: .now()) else { throw .noJob(id) }
            throw Problem(.wrongState, "the job is \(job.state.rawValue); only one that has ended is retried")
        }
    }

    private func read(_ id: JobID, _ request: APIRequest) async throws(Problem) -> JobRecord {
        guard let job = try await job(id, request), request.caller.isFor(job.queue) else { throw .noJob(id) }
        return job
    }

    /// For what does not read the job first: a key for certain queues is told of no job in another one.
    private func expectVisible(_ id: JobID, _ request: APIRequest) async throws(Problem) {
        if request.caller.visibleQueues != nil { _ = try await read(id, request) }
    }

    private func job(_ id: JobID, _ request: APIRequest) async throws(Problem) -> JobRecord? {
        if let job = try await recorded(id, request) { return job }
        if let job = try await find(id, request)?.record(now: .now()) { return job }
        // It may have ended in between.
        return try await recorded(id, request)
    }

    private func recorded(_ id: JobID, _ request: APIRequest) async throws(Problem) -> JobRecord? {
        try await stores.ledger(request.logger) { (ledger) throws(LedgerError) in try await ledger.jobs([id]) }[id]
    }

    /// A job that has no row yet.
    private func find(_ id: JobID, _ request: APIRequest) async throws(Problem) -> FoundJob? {
        try await stores.broker(request.logger) { (broker) throws(BrokerError) in try await broker.find(id) }
    }
}

extension Problem {
    fileprivate static func noJob(_ id: JobID) -> Problem {
        Problem(.notFound, "there is no job \(id), or it is older than what is kept")
    }
}

extension JSONWriter {
    /// The members that say how a job stands.
    fileprivate mutating func state(_ state: JobState, of id: JobID) {
        member("id", "\(id)")
        member("state", state.rawValue)
    }
}
