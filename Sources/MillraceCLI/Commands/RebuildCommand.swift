// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Millrace
import MillraceWorker

/// `millrace rebuild`
struct RebuildCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild", abstract: "Makes Redis's copy of queues what PostgreSQL says.",
        discussion: """
            Compares all jobs that have not ended with what Redis knows and pushes what is missing, as workers do by \
            themselves when Redis has lost data. Nothing is removed, and running jobs go on; but until it is done, \
            2 to 10 seconds and longer with many jobs, nothing new starts in the queue. While jobs are ready or running it \
            wants --yes.
            """)

    @Argument(help: "The queues. Default: all.")
    var queues: [String] = []
    @Flag(help: "Rebuilds also queues in which jobs are ready or running.")
    var yes = false

    func run(in context: CommandContext) async throws {
        let wanted = try queues.map { (name) throws(CommandError) in try QueueList.queue(name, option: "queue") }
        try await context.withStores { stores in
            let known = try await stores.ledger.queues().map(\.queue)
            if let missing = wanted.first(where: { !known.contains($0) }) {
                let guess = Nearest.match(for: missing.name, among: known.map(\.name)).map { ", did you mean \($0)?" }
                throw CommandError(.notFound, "there is no queue \(missing)\(guess ?? "")")
            }
            let chosen = wanted.isEmpty ? known : Set(wanted).sorted()
            guard !chosen.isEmpty else { return context.console.note("no queues") }
            try await refuseBusy(chosen, stores)
            try await rebuild(chosen, stores, context)
        }
    }

    private func refuseBusy(_ queues: [QueueName], _ stores: Stores) async throws {
        guard !yes else { return }
        let busy = try await QueueRow.read(stores, named: queues).filter(\.isBusy)
        guard !busy.isEmpty else { return }
        let names = busy.prefix(3).map(\.name).joined(separator: ", ") + (busy.count > 3 ? ", …" : "")
        throw CommandError(
            .conflict, "jobs are ready or running (\(names)), of which none would start for some seconds: --yes does it"
        )
    }

    /// Goes through all of them; a queue that another process is rebuilding is told at the end.
    private func rebuild(_ queues: [QueueName], _ stores: Stores, _ context: CommandContext) async throws {
        let logger = context.logger(.critical)
        let rebuild = QueueRebuild(
            broker: stores.broker, ledger: stores.ledger, room: RoomWatch(broker: stores.broker, logger: logger),
            extendInterval: Limits.lease / 3
        ) { try? await context.sleep($0) }
        var refused: [String] = []
        for queue in queues {
            let serverID = try await stores.broker.serverID()
            guard let lock = try await stores.ledger.lockRebuild(of: queue) else {
                refused.append(queue.name)
                continue
            }
            let result: Result<QueueRebuild.Rebuilt?, any Error>
            do {
                result = .success(try await rebuild.run(queue, serverID: serverID, lock: lock))
            } catch {
                result = .failure(error)
            }
            await lock.release()
            guard let rebuilt = try result.get() else {
                throw CommandError(
                    .unavailable,
                    "\(queue): Redis or PostgreSQL was restarted on the way; a worker starts over, or do it again")
            }
            context.console.note(Self.text(queue, rebuilt))
        }
        guard refused.isEmpty else {
            throw CommandError(
                .conflict, "another process is rebuilding \(refused.joined(separator: ", ")) at this moment")
        }
    }

    private static func text(_ queue: QueueName, _ rebuilt: QueueRebuild.Rebuilt) -> String {
        let held = rebuilt.flagged == 0 ? "" : ", \(rebuilt.flagged) wait in PostgreSQL until Redis has room"
        return
            "\(queue) is rebuilt in \(DurationText.rounded(rebuilt.elapsed)): \(rebuilt.pushed) missing jobs pushed\(held); "
            + "epoch \(rebuilt.epoch.number)"
    }
}
