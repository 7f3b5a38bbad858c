// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace jobs`
struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Shows jobs, cancels and retries them.",
        subcommands: [ListCommand.self, ShowCommand.self, CancelCommand.self, RetryCommand.self],
        defaultSubcommand: ListCommand.self)

    struct ListCommand: ContextCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists jobs, newest first.")

        @Option(help: "Only those of this queue.")
        var queue: String?
        @Option(help: "Only those in this state: scheduled, waiting, ready, running, completed, cancelled or dead.")
        var state: String?
        @Option(help: "Only those of this kind.")
        var kind: String?
        @OptionGroup var listing: ListingOptions

        func run(in context: CommandContext) async throws {
            let query = try query()
            try await context.withStores { stores in
                try await listing.repeating(in: context) { console in
                    let page = try await stores.ledger.list(query)
                    try Listing.jobs(now: context.now()).show(
                        page.jobs, next: page.next.map { "\($0)" }, as: listing.output.output, on: console)
                }
            }
        }

        private func query() throws(CommandError) -> JobQuery {
            var query = JobQuery(limit: listing.limit)
            if let queue { query.queue = try QueueList.queue(queue, option: "--queue") }
            if let state {
                guard let known = JobState(rawValue: state) else {
                    let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                    throw CommandError(.usage, "--state: expected one of \(states)")
                }
                query.state = known
            }
            if let kind { query.kind = try JobArguments.kind(kind, option: "--kind") }
            if let cursor = listing.cursor {
                query.before = try JobArguments.id(cursor, option: "--cursor")
            }
            return query
        }
    }

    struct ShowCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows all that is known of a job.")

        @Argument(help: "Its id.")
        var id: String
        @OptionGroup var output: OutputOptions

        func run(in context: CommandContext) async throws {
            let id = try JobArguments.id(id, option: "id")
            try await context.withStores { stores in
                let job = try await stores.job(id, now: context.now())
                let why = job.state.isFinal ? nil : try await Explanation.read(of: job, stores, now: context.now()).text
                try Listing.job(now: context.now(), why: why).show(one: job, as: output.output, on: context.console)
            }
        }
    }

    struct CancelCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel", abstract: "Cancels jobs that have not ended; the handler of a running one is told.")

        @Argument(help: "Their ids.")
        var ids: [String]

        func run(in context: CommandContext) async throws {
            try await JobsCommand.forEach(ids, in: context) { stores, id in
                switch try await stores.cancel(id) {
                case .missing: throw JobArguments.missing(id)
                case .final(.cancelled, let queue, let token):
                    try await tell(stores, id, token, mayBeUnclaimed: true, queue, context)
                case .final(let state, _, _):
                    throw CommandError(.conflict, "\(id) is \(state.rawValue) and can be cancelled no more")
                case .cancelled(let queue, let token, _):
                    try await tell(stores, id, token, mayBeUnclaimed: false, queue, context)
                }
                context.console.note("\(id) is cancelled")
            }
        }

        private func tell(
            _ stores: Stores, _ id: JobID, _ token: LeaseToken?, mayBeUnclaimed: Bool, _ queue: QueueName,
            _ context: CommandContext
        ) async throws {
            do throws(BrokerError) {
                _ = try await stores.broker.cancel(id, token: token, mayBeUnclaimed: mayBeUnclaimed, in: queue)
            } catch {
                // It may begin without a claim.
                if mayBeUnclaimed, token == nil { throw error }
                // The ledger grants no claim any more and takes no outcome.
                context.console.note("Redis was not told of \(id), a handler that runs may go on: \(error.message)")
            }
            // It may have been opened again meanwhile.
            try await stores.ledger.flagAgain([id])
        }
    }

    struct RetryCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Runs jobs that have ended again, with their failures forgotten.")

        @Argument(help: "Their ids.")
        var ids: [String]

        func run(in context: CommandContext) async throws {
            try await JobsCommand.forEach(ids, in: context) { stores, id in
                switch try await stores.ledger.reopen(id) {
                case .missing:
                    let state = try await stores.job(id, now: context.now()).state
                    throw CommandError(.conflict, "\(id) is \(state.rawValue); only a job that has ended is retried")
                case .notFinal(let state):
                    throw CommandError(.conflict, "\(id) is \(state.rawValue); only a job that has ended is retried")
                case .reopened: context.console.note("\(id) is ready")
                }
            }
        }
    }

    /// Goes through all of them; of several that fail, the last one's exit code is the command's.
    private static func forEach(
        _ texts: [String], in context: CommandContext, _ body: (Stores, JobID) async throws -> Void
    ) async throws {
        let ids = try texts.map { (text) throws(CommandError) in try JobArguments.id(text, option: "id") }
        try await context.withStores { stores in
            var failure: CommandError?
            for id in ids {
                do {
                    try await body(stores, id)
                } catch {
                    let error = CommandError(error)
                    guard error.code == .notFound || error.code == .conflict else { throw error }
                    if let failure { context.console.complain(failure.message) }
                    failure = error
                }
            }
            if let failure { throw failure }
        }
    }
}

/// Ids and kinds as the command line gives them.
enum JobArguments {
    static func id(_ text: String, option: String) throws(CommandError) -> JobID {
        guard let id = JobID(text) else {
            let text = EscapedText.quotedIfNeeded(String(text.prefix(80)))
            throw CommandError(
                .usage, "\(option): expected a job's id such as 01890a5d-ac96-774b-bcce-b302099a8057, found \(text)")
        }
        return id
    }

    static func kind(_ text: String, option: String) throws(CommandError) -> JobKind {
        guard let kind = JobKind(text) else {
            let text = EscapedText.quotedIfNeeded(String(text.prefix(80)))
            throw CommandError(.usage, "\(option): a kind's name is 1 to 64 characters of [a-z0-9._-], found \(text)")
        }
        return kind
    }

    static func missing(_ id: JobID) -> CommandError {
        CommandError(.notFound, "there is no job \(id), or it is older than what is kept")
    }
}
