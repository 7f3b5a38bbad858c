// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Submissions: one job, or a batch of them.
struct SubmitRoutes: Sendable {
    let catalog: JobCatalog
    let intake: Intake
    let waiter: FinishWaiter

    var routes: [Route] {
        [
            Route(.post, "/v1/jobs", .scope(.submit)) { (request) throws(Problem) in try await submit(request) },
            Route(.post, "/v1/jobs:batch", .scope(.submit)) { (request) throws(Problem) in
                try await submitBatch(request)
            },
        ]
    }

    private func submit(_ request: APIRequest) async throws(Problem) -> Answer {
        let wait = try APIRequest.wait(try request.query("wait"))
        // The answer then says what became of the job.
        if wait != nil, !request.caller.allows(.read) { throw .missingScope(.read) }
        try request.expectJSON()
        let key = try IdempotencyKey(request)
        let (stored, isReplay, id, isEntrusted) = try await request.body.withBytes(upTo: APILimits.jobBytesMax) {
            (bytes) throws(Problem) -> (StoredAnswer, Bool, JobID, Bool) in
            let job = try read(bytes, request)
            try checkQueues(of: [job], request.caller) { _ in "" }
            var submission = Submission(jobs: [job])
            let now = Timestamp.now()
            let isEntrusted = key == nil && submission.parts(now: now).recorded == nil
            let answer = Self.answer(
                to: job.id, state: job.dueAt == nil ? .ready : .scheduled, isEntrusted ? .redis : .postgres)
            submission.idempotency = key?.idempotency(to: request, body: bytes, answer: answer)
            let (stored, isReplay) = try await intake.take(submission, at: now, answer: answer, logger: request.logger)
            return (stored, isReplay, job.id, isEntrusted)
        }
        if let wait, wait > .zero { return await answer(stored, isReplay, id, isEntrusted, after: wait, request) }
        return stored.answer(isReplay: isReplay)
    }

    private func submitBatch(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        guard let layout = BatchReader.Layout(mediaType: request.mediaType) else {
            throw .mediaType(request, expected: "application/json or application/x-ndjson")
        }
        let key = try IdempotencyKey(request)
        return try await request.body.withBytes(upTo: Limits.batchBytesMax) { (bytes) throws(Problem) -> Answer in
            let reader = BatchReader(reader: reader(request))
            let jobs = try await reader.read(bytes, layout)
            try checkQueues(of: jobs, request.caller) { "/\($0)" }
            var submission = Submission(jobs: jobs)
            let now = Timestamp.now()
            let isEntrusted = key == nil && !submission.parts(now: now).entrusted.isEmpty
            var json = JSONWriter()
            json.object { json in
                json.member("ids") { json in json.array(jobs) { json, job in json.string("\(job.id)") } }
                json.member("durability", (isEntrusted ? Durability.redis : .postgres).rawValue)
            }
            let answer = StoredAnswer(status: 202, location: "", body: json.bytes)
            submission.idempotency = key?.idempotency(to: request, body: bytes, answer: answer)
            let (stored, isReplay) = try await intake.take(submission, at: now, answer: answer, logger: request.logger)
            return stored.answer(isReplay: isReplay)
        }
    }

    /// A key for certain queues submits to those alone, and no kind that belongs to another: workers run whatever kind they know,
    /// so that one would run in a queue of the key's own as well. A kind of the queue `default` belongs to none.
    /// - Parameter pointer: to the job of an index.
    private func checkQueues(
        of jobs: [NewJob], _ caller: Caller, pointer: (Int) -> String
    ) throws(Problem) {
        guard caller.visibleQueues != nil else { return }
        var faults = Faults()
        for (index, job) in jobs.enumerated() {
            if !caller.isFor(job.queue) {
                faults.append(Fault("\(pointer(index))/queue", "this key is not for the queue \(job.queue)"))
            }
            guard let own = catalog.definition(of: job.kind)?.options.queue, own != .default, own != job.queue,
                !caller.isFor(own)
            else { continue }
            faults.append(
                Fault("\(pointer(index))/kind", "\(job.kind) belongs to the queue \(own), which this key is not for"))
        }
        guard faults.isEmpty else { throw Problem(.missingScope, faults) }
    }

    private func reader(_ request: APIRequest) -> JobRequestReader {
        JobRequestReader(catalog: catalog, now: .now(), trace: TraceParent.value(request.headers))
    }

    private func read(_ bytes: [UInt8], _ request: APIRequest) throws(Problem) -> NewJob {
        let text = try APIRequest.json(bytes, nestingMax: Limits.nestingMax + 1)
        var faults = Faults()
        guard let job = reader(request).read(text.root, in: text, &faults) else {
            throw Problem(.invalidField, faults)
        }
        return job
    }

    private static func answer(to id: JobID, state: JobState, _ durability: Durability) -> StoredAnswer {
        var json = JSONWriter()
        json.object { json in
            json.member("id", "\(id)")
            json.member("state", state.rawValue)
            json.member("durability", durability.rawValue)
        }
        return StoredAnswer(status: 202, location: "/v1/jobs/\(id)", body: json.bytes)
    }

    /// The job with its outcome; when it has not ended in time the first answer, with the state that the job is in now.
    private func answer(
        _ stored: StoredAnswer, _ isReplay: Bool, _ id: JobID, _ isEntrusted: Bool, after wait: Duration,
        _ request: APIRequest
    ) async -> Answer {
        // A replayed answer speaks of the first request's job.
        let id = stored.location.split(separator: "/").last.flatMap { JobID(String($0)) } ?? id
        switch await waiter.wait(for: id, atMost: wait, mayLackRow: isEntrusted, request) {
        case .finished(let job): return Self.answer(with: job, request.caller)
        case .unfinished(let seen):
            let job = await waiter.current(id)
            if let job, job.state.isFinal { return Self.answer(with: job, request.caller) }
            guard let state = job?.state ?? seen?.state else { return stored.answer(isReplay: isReplay) }
            return Self.answer(to: id, state: state, isEntrusted ? .redis : .postgres).answer(isReplay: isReplay)
        case .missing, .unreadable, .refused: return stored.answer(isReplay: isReplay)
        }
    }

    private static func answer(with job: JobRecord, _ caller: Caller) -> Answer {
        var json = JSONWriter()
        json.job(job, withPayload: caller.allows(.readPayload))
        var answer = Answer(body: json.bytes)
        answer.headers[.location] = "/v1/jobs/\(job.id)"
        return answer
    }
}

extension IdempotencyKey {
    fileprivate func idempotency(to request: APIRequest, body: [UInt8], answer: StoredAnswer) -> Idempotency {
        idempotency(method: request.method, path: request.target.path, body: body, answer: answer)
    }
}

extension FinishWaiter {
    /// As `wait(for:atMost:)`, but for no longer than the client stays.
    func wait(
        for id: JobID, atMost duration: Duration, mayLackRow: Bool, _ request: APIRequest
    ) async -> Ending {
        guard let closure = await request.inputClosure() else {
            return await wait(for: id, atMost: duration, mayLackRow: mayLackRow)
        }
        return await closure.watching { await self.wait(for: id, atMost: duration, mayLackRow: mayLackRow) }
            ?? .unfinished(nil)
    }
}
