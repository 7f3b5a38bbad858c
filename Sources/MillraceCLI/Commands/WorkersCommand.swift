// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace workers`
struct WorkersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Shows worker processes.", subcommands: [ListCommand.self],
        defaultSubcommand: ListCommand.self)

    struct ListCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists the worker processes that gave word within the last 30 s.")

        @OptionGroup var listing: ListingOptions

        func run(in context: CommandContext) async throws {
            try await context.withStores { stores in
                try await listing.repeating(in: context) { console in
                    let page = listing.page(of: try await stores.broker.workers(), by: \.process)
                    try Listing.workers(now: context.now())
                        .show(page.rows, next: page.next, as: listing.output.output, on: console)
                }
            }
        }
    }
}
