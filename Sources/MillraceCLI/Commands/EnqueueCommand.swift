// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Millrace
import MillraceAPI

/// `millrace enqueue`
struct EnqueueCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue", abstract: "Submits a job.",
        discussion: """
            Writes the job's id. With --wait it writes the job's result when it completed, and ends with exit code 1 \
            when the job is dead or was cancelled, 124 when it has not ended in time.
            """)

    @Argument(help: "The kind of job.")
    var kind: String
    @Argument(help: "Its payload as JSON; - reads it from standard input. Default: {}.")
    var payload = "{}"
    @Option(help: "Default: the kind's own.")
    var queue: String?
    @Option(help: "critical, high, normal or low. Default: the kind's own.")
    var priority: String?
    @Option(help: "When it may start, counted from now, such as 90s or 1h30m.")
    var delay: String?
    @Option(help: "When it may start, such as 2026-05-04T03:02:01Z.")
    var runAt: String?
    @Option(help: "How long its handler may run, such as 10m. Default: the kind's own.")
    var timeout: String?
    @Option(help: "Failures after which it is dead, 1 to 1000. Default: the kind's own.")
    var maxAttempts: Int?
    @Option(help: "postgres or redis: what an accepted job survives. Default: the kind's own.")
    var durability: String?
    @Option(name: .customLong("tag"), help: "A word to find it by; up to 16.")
    var tags: [String] = []
    @Option(help: "Waits for the job's end, at most for so long, such as 30s.")
    var wait: String?
    @Flag(help: "Submits a job of a kind that this program does not know, with a payload that nobody has checked.")
    var unchecked = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var file: ConfigurationOptions

    func run(in context: CommandContext) async throws {
        let wait = try wait.map { (text) throws(CommandError) in
            try Self.duration(text, "--wait", in: .zero ... .seconds(86_400))
        }
        let job = try newJob(in: context, catalog: context.handlers(for: file.load(in: context)).catalog)
        try await context.withStores { stores in
            let submitter = JobSubmitter(
                ledger: stores.ledger, broker: stores.broker, logger: context.logger(.critical))
            // From before the submission on, so that an early end is not missed.
            let announcements = wait == nil ? nil : stores.broker.announcements()
            try await Self.submit(job, to: submitter)
            guard let wait, let announcements else { return try writeID(of: job, on: context.console) }
            context.console.note("\(job.id) is accepted")
            let end = try await Self.ending(of: job.id, announcements, in: stores.ledger, within: wait, context)
            try show(end, on: context.console, now: context.now())
        }
    }

    // MARK: - The job

    private func newJob(in context: CommandContext, catalog: JobCatalog) throws(CommandError) -> NewJob {
        let kind = try JobArguments.kind(kind, option: "kind")
        let definition = catalog.definition(of: kind)
        if definition == nil, !unchecked { throw unknown(kind, catalog) }
        let options = definition?.options ?? JobOptions()
        let payload = try checkedPayload(context, definition)
        let now = context.now()
        var generator = SystemRandomNumberGenerator()
        return NewJob(
            id: JobID(at: now, using: &generator), kind: kind,
            queue: try queue.map { (name) throws(CommandError) in try QueueList.queue(name, option: "--queue") }
                ?? options.queue, priority: try chosenPriority() ?? options.priority, payload: payload,
            dueAt: try dueAt(now),
            timeout: try timeout.map { (text) throws(CommandError) in
                try Self.duration(text, "--timeout", in: .seconds(1)...Limits.timeoutMax)
            } ?? options.timeout, maxAttempts: try chosenMaxAttempts() ?? options.maxAttempts, tags: try checkedTags(),
            durability: try chosenDurability() ?? options.durability)
    }

    private func unknown(_ kind: JobKind, _ catalog: JobCatalog) -> CommandError {
        let guess = Nearest.match(for: kind.name, among: catalog.kinds.map(\.name)).map { ", did you mean \($0)?" }
        return CommandError(
            .notFound,
            "this program knows no kind \(kind)\(guess ?? "; --unchecked submits it for workers that do")")
    }

    private func checkedPayload(
        _ context: CommandContext, _ definition: JobDefinition?
    ) throws(CommandError) -> [UInt8] {
        let bytes = payload == "-" ? context.readInput(Limits.payloadBytesMax + 1) : Array(payload.utf8)
        guard bytes.count <= Limits.payloadBytesMax else {
            throw CommandError(.usage, "payload: over \(Limits.payloadBytesMax) bytes")
        }
        let text: JSONText
        do throws(JSONError) {
            text = try JSONText(checking: bytes, nestingMax: Limits.nestingMax)
        } catch {
            throw CommandError(.usage, "payload: no JSON: \(error)")
        }
        let payload = text.raw(text.root)
        do throws(PayloadError) {
            try definition?.checkPayload(payload)
        } catch {
            throw CommandError(.usage, "\(error)")
        }
        return payload
    }

    private func chosenPriority() throws(CommandError) -> Priority? {
        guard let priority else { return nil }
        guard let known = Priority(name: priority) else {
            let names = Priority.allCases.map(\.name).joined(separator: ", ")
            throw CommandError(.usage, "--priority: expected one of \(names)")
        }
        return known
    }

    private func chosenDurability() throws(CommandError) -> Durability? {
        guard let durability else { return nil }
        guard let known = Durability(rawValue: durability) else {
            let names = Durability.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError(.usage, "--durability: expected one of \(names)")
        }
        return known
    }

    private func chosenMaxAttempts() throws(CommandError) -> Int? {
        guard let maxAttempts else { return nil }
        guard (1...Limits.maxAttemptsMax).contains(maxAttempts) else {
            throw CommandError(.usage, "--max-attempts: expected 1 to \(Limits.maxAttemptsMax), found \(maxAttempts)")
        }
        return maxAttempts
    }

    private func checkedTags() throws(CommandError) -> [String] {
        guard tags.count <= Limits.tagsMax else {
            throw CommandError(.usage, "--tag: \(tags.count) tags, at most \(Limits.tagsMax)")
        }
        for tag in tags {
            guard (1...Limits.tagBytesMax).contains(tag.utf8.count), EscapedText.withoutControls(tag) == tag else {
                throw CommandError(
                    .usage, "--tag: a tag has 1 to \(Limits.tagBytesMax) bytes and no control characters")
            }
        }
        return tags
    }

    private func dueAt(_ now: Timestamp) throws(CommandError) -> Timestamp? {
        guard delay == nil || runAt == nil else {
            throw CommandError(.usage, "--delay and --run-at exclude each other")
        }
        if let delay { return now + (try Self.duration(delay, "--delay", in: .zero...Limits.scheduleAheadMax)) }
        guard let runAt else { return nil }
        guard let time = Timestamp(rfc3339: runAt) else {
            throw CommandError(.usage, "--run-at: expected a time such as \(now.rfc3339)")
        }
        guard time - now <= Limits.scheduleAheadMax else { throw CommandError(.usage, "--run-at: over 365 days ahead") }
        return time
    }

    private static func duration(
        _ text: String, _ option: String, in range: ClosedRange<Duration>
    ) throws(CommandError) -> Duration {
        guard let duration = Duration(text: text), range.contains(duration) else {
            let bounds = "\(range.lowerBound.text) to \(range.upperBound.text)"
            throw CommandError(.usage, "\(option): expected \(DurationText.expectation), from \(bounds)")
        }
        return duration
    }

    /// Once more when nobody knows whether it was written: a job that is there already is left as it is.
    private static func submit(_ job: NewJob, to submitter: JobSubmitter) async throws {
        do {
            _ = try await submitter.submit(Submission(jobs: [job]))
        } catch let error as LedgerError where error.code == .outcomeUnknown {
            _ = try await submitter.submit(Submission(jobs: [job]))
        }
    }

    // MARK: - Its end

    /// Looks at the ledger when an end is announced, and twice a second besides: an announcement may be lost.
    private static func ending(
        of id: JobID, _ announcements: AsyncStream<Announcement>, in ledger: any JobLedger, within limit: Duration,
        _ context: CommandContext
    ) async throws -> JobRecord {
        let deadline = ContinuousClock.now + limit
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            let (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            group.addTask {
                for await announcement in announcements {
                    if case .finished(let ids) = announcement, !ids.contains(id) { continue }
                    ring.yield()
                }
            }
            group.addTask {
                while !Task.isCancelled, ContinuousClock.now < deadline {
                    try await context.sleep(min(.milliseconds(500), deadline - .now))
                    ring.yield()
                }
                ring.finish()
            }
            ring.yield()
            for await _ in rings {
                do throws(LedgerError) {
                    guard try await ledger.summaries([id])[id]?.state.isFinal == true else { continue }
                    if let job = try await ledger.jobs([id])[id], job.state.isFinal { return job }
                } catch {
                    guard error.isTransient else { throw error }
                }
            }
            throw CommandError(.timedOut, "\(id) has not ended within \(limit.text)")
        }
    }

    private func writeID(of job: NewJob, on console: Console) throws(CommandError) {
        guard output.output != .table else { return try console.write("\(job.id)\n") }
        var json = JSONWriter()
        json.object { $0.member("id", "\(job.id)") }
        try console.write(json.line)
    }

    private func show(_ job: JobRecord, on console: Console, now: Timestamp) throws(CommandError) {
        if output.output == .table {
            if let result = job.result { try console.write(String(decoding: result, as: UTF8.self) + "\n") }
        } else {
            try Listing.job(now: now).show(one: job, as: output.output, on: console)
        }
        guard job.state != .completed else { return }
        let error = job.errors.last.map { ": \(EscapedText.withoutControls($0.message))" } ?? ""
        throw CommandError(.jobFailed, "\(job.id) is \(job.state.rawValue)\(error)")
    }
}
