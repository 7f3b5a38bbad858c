// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace scale`
struct ScaleCommand: ContextCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "scale", abstract: "Says how many processes pools shall have: photos=4, or photos=file.",
            discussion: """
                A supervisor (\(Program.name) up) follows within about a second: up at once, down by letting \
                processes end their jobs. The count stands until it is changed again, and beats workers.yml; \
                POOL=file returns to the file's. Where no workers.yml is, the pools are known by their live processes \
                and by counts that were set before.
                """)
    }

    @Argument(help: "POOL=N or POOL=file, one or more.")
    var pools: [String]
    @OptionGroup var file: ConfigurationOptions

    func run(in context: CommandContext) async throws {
        let wishes = try pools.map { (text) throws(CommandError) in try Self.wish(text) }
        let settings = try file.load(in: context)
        let hasFile = file.path(in: context) != nil
        if hasFile { try Self.refuseUnknown(wishes.map(\.pool), known: settings.pools.map(\.name), "in workers.yml") }
        try await context.withStores { stores in
            var counts = try await stores.ledger.poolCounts()
            if hasFile {
                for wish in wishes { counts[wish.pool] = wish.count }
                try settings.refuseTooManyConnections(counts: counts, allowed: try await stores.connectionsAllowed())
            } else {
                let live = try await stores.broker.workers().compactMap(\.pool)
                try Self.refuseUnknown(
                    wishes.map(\.pool), known: Set(live).union(counts.keys).sorted(),
                    "that lives or was ever scaled, and no workers.yml here (--config) to name more")
            }
            for wish in wishes {
                try await stores.ledger.setPoolCount(wish.count, pool: wish.pool)
                let count = wish.count ?? settings.pool(named: wish.pool)?.count
                context.console.note("\(wish.pool): \(count.map(String.init) ?? "as workers.yml says")")
            }
        }
    }

    private static func wish(_ text: String) throws(CommandError) -> (pool: String, count: Int?) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, QueueName(String(parts[0])) != nil else {
            throw CommandError(
                .usage, "expected POOL=N or POOL=file, found \(EscapedText.quotedIfNeeded(String(text.prefix(80))))")
        }
        let pool = String(parts[0])
        if parts[1] == "file" { return (pool, nil) }
        guard let count = Int(parts[1]), (0...WorkersFile.poolCountMax).contains(count) else {
            let found = EscapedText.quotedIfNeeded(String(parts[1].prefix(80)))
            throw CommandError(.usage, "\(pool): expected 0 to \(WorkersFile.poolCountMax), or file, found \(found)")
        }
        return (pool, count)
    }

    /// - Parameter place: where it was looked for.
    private static func refuseUnknown(_ pools: [String], known: [String], _ place: String) throws(CommandError) {
        guard let pool = pools.first(where: { !known.contains($0) }) else { return }
        let list = known.isEmpty ? ", there are none" : ", there are \(known.joined(separator: ", "))"
        let guess = Nearest.match(for: pool, among: known).map { ", did you mean \($0)?" }
        throw CommandError(.notFound, "there is no pool \(pool) \(place)\(guess ?? list)")
    }
}
