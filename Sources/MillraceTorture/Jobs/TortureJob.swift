// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceCLI
import MillracePostgres
import PostgresDriver

/// What is run while everything around it fails: each run leaves a line outside of both stores, and its attempt in its result.
struct TortureJob: Job {
    static let kind: JobKind = "torture.job"
    static let defaults = JobOptions(maxAttempts: 3, timeout: .seconds(60))

    /// The client's own number for it.
    var serial: Int
    var mode: Mode
    var milliseconds: Int

    enum Mode: String, Codable, Sendable {
        case plain
        /// Commits a row of the application with its outcome.
        case row
        /// Commits a job that follows it with its outcome.
        case follow
        /// As `row`, but the server once refuses it for the sake of another transaction.
        case conflict
        /// Fails once.
        case retry
        /// Snoozes in its first attempt.
        case snooze
    }

    struct Output: Codable, Sendable {
        var attempt: Int
    }
}

/// Names the attempt that submitted it.
struct FollowerJob: Job {
    static let kind: JobKind = "torture.follower"
    typealias Output = TortureJob.Output

    var job: String
    var attempt: Int
}

extension ApplicationParts {
    /// The torture is an application like any other: its own binary is the mill that it tortures.
    static let torture = ApplicationParts(
        schema: ApplicationSchema(
            name: "torture",
            migrations: [Migration(name: "m0001_create_history", file: PackageResources.m0001_create_history_sql)]),
        handlers: { _ in
            let journal = StartJournal()
            var handlers = JobHandlers()
            handlers.register(TortureJob.self) { job, context in
                journal.note(context, serial: job.serial)
                return try await run(job, context)
            }
            handlers.register(FollowerJob.self) { _, context in
                journal.note(context, serial: nil)
                return TortureJob.Output(attempt: context.attempt)
            }
            return handlers
        })

    private static let insertRow = PostgresStatement(
        name: "insert-torture-row", sql: "INSERT INTO torture.rows (job, attempt) VALUES ($1, $2)")

    private static let refuse = PostgresStatement(name: "refuse-torture", sql: "SELECT torture.refuse()")

    private static func run(_ job: TortureJob, _ context: JobContext) async throws -> TortureJob.Output {
        if job.milliseconds > 0 { try await Task.sleep(for: .milliseconds(job.milliseconds)) }
        let output = TortureJob.Output(attempt: context.attempt)
        switch job.mode {
        case .retry where context.failures == 0:
            throw JobSignal.retry(after: .milliseconds(300), reason: "asked to fail once")
        case .snooze where context.attempt == 1:
            throw JobSignal.snooze(.milliseconds(300))
        case .plain, .retry, .snooze:
            return output
        case .row, .conflict:
            let isRefused = job.mode == .conflict && context.failures == 0
            return try await context.transaction { transaction in
                if isRefused { try transaction.query(refuse) }
                try transaction.query(insertRow, [.uuid(context.id.bytes), .int4(Int32(clamping: context.attempt))])
                return output
            }
        case .follow:
            return try await context.transaction { transaction in
                let follower = FollowerJob(job: "\(context.id)", attempt: context.attempt)
                try transaction.enqueue(follower, EnqueueOptions(queue: context.queue))
                return output
            }
        }
    }
}
