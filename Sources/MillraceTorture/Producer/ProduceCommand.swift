// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// A client process; the torture starts it, and again after it was killed: then it goes on by its own journal.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "produce", shouldDisplay: false)

    @Option var url: String
    @Option var first: Int
    @Option var count: Int
    @Option var seed: UInt64
    @Option var rate: Int
    @Option(parsing: .unconditional) var jobMilliseconds: Int
    @Option var redisPercent: Int
    @Option var journal: String

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        var ended: Set<Int> = []
        for entry in ClientJournal.read(journal) {
            switch entry {
            case .accepted(let first, _), .refused(let first, _, _), .unknown(let first, _): ended.insert(first)
            // It may have been accepted, and nothing would make one of two.
            case .entrusted(let first, _, _): ended.insert(first)
            default: break
            }
        }
        let key = ProcessInfo.processInfo.environment[APIClient.keyVariable] ?? ""
        let producer = Producer(
            serials: first..<(first + count), ratePerSecond: max(1, rate), seed: seed,
            mix: JobMix(
                seed: seed, milliseconds: jobMilliseconds < 0 ? nil : jobMilliseconds, redisPercent: redisPercent),
            journal: ClientJournal(journal), api: APIClient(url, key: key), ended: ended)
        await producer.run()
        try await producer.api.shutdown()
    }
}
