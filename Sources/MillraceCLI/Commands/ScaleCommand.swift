// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace scale`
struct ScaleCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Says how many processes pools shall have: photos=4, or photos=file.",
        discussion: """
            A supervisor (millrace up) follows within about a second: up at once, down by letting processes end \
            their jobs. The count stands until it is changed again, and beats workers.yml; POOL=file returns to the \
            file's.
            """)

    @Argument(help: "POOL=N or POOL=file, one or more.")
    var pools: [String]
    @OptionGroup var file: ConfigurationOptions

    func run(in context: CommandContext) async throws {
        let wishes = try pools.map { (text) throws(CommandError) in try Self.wish(text) }
        let settings = try file.load(in: context)
        let knowsPools = file.path(in: context) != nil
        if knowsPools {
            for wish in wishes { try refuseUnknown(wish.pool, settings) }
        } else {
            context.console.note("no workers.yml here: the pools' names are not checked")
        }
        try await context.withStores { stores in
            if knowsPools {
                var counts = try await stores.ledger.poolCounts()
                for wish in wishes { counts[wish.pool] = wish.count }
                try settings.refuseTooManyConnections(counts: counts, allowed: try await stores.connectionsAllowed())
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

    private func refuseUnknown(_ pool: String, _ settings: WorkersFile) throws(CommandError) {
        let names = settings.pools.map(\.name)
        guard !names.contains(pool) else { return }
        let guess = Nearest.match(for: pool, among: names).map { ", did you mean \($0)?" }
        throw CommandError(
            .notFound,
            "there is no pool \(pool) in workers.yml\(guess ?? ", there are \(names.joined(separator: ", "))")")
    }
}
