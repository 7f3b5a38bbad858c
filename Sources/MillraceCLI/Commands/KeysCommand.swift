// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace
import MillraceAPI

/// `millrace keys`
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Shows keys of the HTTP API, makes and revokes them.",
        subcommands: [ListCommand.self, ShowCommand.self, CreateCommand.self, RevokeCommand.self],
        defaultSubcommand: ListCommand.self)

    struct ListCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists all keys by their ids; those that have ended for a week.")

        @OptionGroup var listing: ListingOptions

        func run(in context: CommandContext) async throws {
            try await context.withStores { stores in
                try await listing.repeating(in: context) { console in
                    let page = listing.page(of: try await stores.ledger.apiKeys(), by: \.id.description)
                    try Listing.apiKeys(now: context.now())
                        .show(page.rows, next: page.next, as: listing.output.output, on: console)
                }
            }
        }
    }

    struct ShowCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows one key, but for its secret, which nobody has.")

        @Argument(help: "Its id.")
        var id: String
        @OptionGroup var output: OutputOptions

        func run(in context: CommandContext) async throws {
            let id = try KeyArguments.id(id)
            try await context.withStores { stores in
                guard let key = try await stores.ledger.apiKeys().first(where: { $0.id == id }) else {
                    throw KeyArguments.missing(id)
                }
                try Listing.apiKey(now: context.now()).show(one: key, as: output.output, on: context.console)
            }
        }
    }

    struct CreateCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes a key and shows it, once.",
            discussion: """
                Scopes: submit (jobs), read (jobs, queues and workers, without payloads and results), read:payload (with \
                them), operate (cancel, retry, pause, resume), admin (all that, and the scaling of pools). A key for \
                certain queues is told of nothing in other ones.
                """)

        @Argument(help: "What to call it by, such as the program that will use it; up to 64 bytes.")
        var name: String
        @Option(name: .customLong("scope"), help: "What it allows; may be given several times.")
        var scopes: [String] = []
        @Option(name: .customLong("queue"), help: "A queue that it is for; may be given several times. Default: all.")
        var queues: [String] = []
        @Option(help: "How long it is good, such as 90d. Default: until it is revoked.")
        var expires: String?
        @Option(
            help: """
                Requests a second, and in a row, that each process of the API takes from it, 1 to 1000000. Default: 100000.
                """)
        var rate: Int?
        @OptionGroup var output: OutputOptions

        func run(in context: CommandContext) async throws {
            let token = APIKeyToken()
            let key = try key(token, now: context.now())
            try await context.withStores { stores in
                try await stores.ledger.addAPIKey(key)
                try Listing.newAPIKey(token, now: context.now())
                    .show(one: key, as: output.output, on: context.console)
                if output.output == .table {
                    context.console.note("the key is shown this once; only a digest of it is kept")
                }
            }
        }

        private func key(_ token: APIKeyToken, now: Timestamp) throws(CommandError) -> APIKey {
            guard 1...Limits.apiKeyNameBytesMax ~= name.utf8.count,
                !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
            else {
                throw CommandError(
                    .usage, "name: expected 1 to \(Limits.apiKeyNameBytesMax) bytes without control characters")
            }
            let scopes = try scopes.map { (text) throws(CommandError) in try KeyArguments.scope(text) }
            guard !scopes.isEmpty else {
                throw CommandError(.usage, "--scope: expected at least one of \(KeyArguments.scopes)")
            }
            let queues = try queues.map { (text) throws(CommandError) in try QueueList.queue(text, option: "--queue") }
            guard queues.isEmpty || !scopes.contains(.admin) else {
                throw CommandError(.usage, "--queue: admin is for all queues; a key for some has other scopes")
            }
            if let rate, !(1...KeyArguments.rateMax).contains(rate) {
                throw CommandError(.usage, "--rate: expected 1 to \(KeyArguments.rateMax), found \(rate)")
            }
            return APIKey(
                id: token.id, name: name, digest: token.digest, scopes: Set(scopes),
                queues: queues.isEmpty ? nil : Set(queues), requestsPerSecond: rate, createdAt: now,
                expiresAt: try lifetime().map { now + $0 })
        }

        private func lifetime() throws(CommandError) -> Duration? {
            guard let expires else { return nil }
            guard let lifetime = Duration(text: expires), KeyArguments.lifetimes.contains(lifetime) else {
                let expected = "\(DurationText.expectation), from 1m to 3650d"
                throw CommandError(
                    .usage, "--expires: expected \(expected), found \(EscapedText.quotedIfNeeded(expires))")
            }
            return lifetime
        }
    }

    struct RevokeCommand: ContextCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Ends keys for good; every process of the API that reaches PostgreSQL knows within seconds.")

        @Argument(help: "Their ids.")
        var ids: [String]

        func run(in context: CommandContext) async throws {
            let ids = try ids.map { (text) throws(CommandError) in try KeyArguments.id(text) }
            try await context.withStores { stores in
                var missing: [APIKeyID] = []
                for id in ids {
                    if try await stores.ledger.revokeAPIKey(id) {
                        context.console.note("\(id) is revoked")
                    } else {
                        missing.append(id)
                    }
                }
                guard let last = missing.popLast() else { return }
                for id in missing { context.console.complain(KeyArguments.missing(id).message) }
                throw KeyArguments.missing(last)
            }
        }
    }
}

/// What the command line says of keys.
private enum KeyArguments {
    static let rateMax = 1_000_000
    static let lifetimes: ClosedRange<Duration> = .seconds(60) ... .seconds(3650 * 86_400)
    static let scopes = APIScope.allCases.map(\.rawValue).joined(separator: ", ")

    /// A whole key is taken for its id, but not shown again.
    static func id(_ text: String) throws(CommandError) -> APIKeyID {
        if let token = APIKeyToken(text) { return token.id }
        guard let id = APIKeyID(text) else {
            throw CommandError(.usage, "id: expected a key's id, 8 characters of [a-z0-9], as in mr_<id>_<secret>")
        }
        return id
    }

    static func scope(_ text: String) throws(CommandError) -> APIScope {
        guard let scope = APIScope(rawValue: text) else {
            throw CommandError(
                .usage,
                "--scope: expected one of \(scopes), found \(EscapedText.quotedIfNeeded(String(text.prefix(80))))")
        }
        return scope
    }

    static func missing(_ id: APIKeyID) -> CommandError {
        CommandError(.notFound, "there is no key \(id), or it ended more than a week ago")
    }
}
