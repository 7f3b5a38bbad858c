// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace queues`
struct QueuesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "Shows queues, pauses and resumes them.",
        subcommands: [ListCommand.self, ShowCommand.self, PauseCommand.self, ResumeCommand.self],
        defaultSubcommand: ListCommand.self)

    struct ListCommand: ContextCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists all queues by name.")

        @OptionGroup var listing: ListingOptions

        func run(in context: CommandContext) async throws {
            try await context.withStores { stores in
                try await listing.repeating(in: context) { console in
                    let rows = try await QueueRow.read(stores)
                    let page = listing.page(of: rows, by: \.name)
                    try Listing.queues(now: context.now())
                        .show(page.rows, next: page.next, as: listing.output.output, on: console)
                    let room = try await RoomRemark.read(stores, rows)
                    QueuesCommand.remark(on: page.rows, room, listing.output, console)
                }
            }
        }
    }

    struct ShowCommand: ContextCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one queue.")

        @Argument(help: "Its name.")
        var queue: String
        @OptionGroup var output: OutputOptions

        func run(in context: CommandContext) async throws {
            let queue = try QueueList.queue(queue, option: "queue")
            try await context.withStores { stores in
                guard let row = try await QueueRow.read(stores, named: [queue]).first else {
                    throw try await QueuesCommand.missing(queue, stores)
                }
                try Listing.queues(now: context.now()).show(one: row, as: output.output, on: context.console)
                let room = try await RoomRemark.read(stores, [row])
                QueuesCommand.remark(on: [row], room, output, context.console)
            }
        }
    }

    struct PauseCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause",
            abstract: "Lets no more jobs of a queue start; what runs goes on, and new jobs are still accepted.")

        @Argument(help: "Its name.")
        var queue: String

        func run(in context: CommandContext) async throws {
            try await QueuesCommand.setPaused(true, queue, context)
        }
    }

    struct ResumeCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Lets a queue's jobs start again.")

        @Argument(help: "Its name.")
        var queue: String

        func run(in context: CommandContext) async throws {
            try await QueuesCommand.setPaused(false, queue, context)
        }
    }

    /// The ledger first: from then on it grants no claim of a paused queue, whatever the broker knows.
    private static func setPaused(_ isPaused: Bool, _ name: String, _ context: CommandContext) async throws {
        let queue = try QueueList.queue(name, option: "queue")
        try await context.withStores { stores in
            guard try await stores.ledger.queues().contains(where: { $0.queue == queue }) else {
                throw try await missing(queue, stores)
            }
            try await stores.ledger.setPaused(isPaused, queue: queue)
            do throws(BrokerError) {
                try await stores.broker.configure(queue, isPaused: isPaused, epoch: nil)
            } catch {
                let state = isPaused ? "paused" : "resumed"
                throw CommandError(
                    .unavailable,
                    "\(queue) is \(state) in PostgreSQL, but Redis was not told; repeat it: \(error.message)")
            }
            context.console.note("\(queue) is \(isPaused ? "paused" : "active")")
        }
    }

    /// Tells people why nothing starts; programs read it off `workers`.
    private static func remark(on rows: [QueueRow], _ room: String?, _ output: OutputOptions, _ console: Console) {
        guard output.output == .table else { return }
        if let room { console.note(room) }
        for row in rows where row.isUnserved { console.note(row.unservedRemark) }
    }

    private static func missing(_ queue: QueueName, _ stores: Stores) async throws -> CommandError {
        let names = try await stores.ledger.queues().map(\.queue.name)
        let guess = Nearest.match(for: queue.name, among: names).map { ", did you mean \($0)?" } ?? ""
        return CommandError(.notFound, "there is no queue \(queue)\(guess)")
    }
}
