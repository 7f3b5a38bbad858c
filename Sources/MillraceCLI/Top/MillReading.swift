// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The whole mill at one time.
struct MillReading: Sendable {
    struct Queue: Sendable {
        var row: QueueRow
        var rates: RateMeter.Rates
    }

    /// A store that did not answer, and how old its figures are.
    struct Fault: Sendable, Equatable {
        /// Names the store.
        var message: String
        /// nil when it never answered.
        var lastAnswer: Timestamp?
    }

    var at: Timestamp
    /// By name.
    var queues: [Queue]
    var workers: [WorkerReport]
    var faults: [Fault]
    /// nil when the broker never answered.
    var memory: BrokerMemory?
}

/// Reads the mill again and again, by the contracts of both stores; a store that is away leaves its last figures.
struct MillReader {
    private let stores: Stores
    private let now: @Sendable () -> Timestamp
    private var facts = LedgerFacts()
    private var meter = RateMeter()
    private var ledgerAnswer: Timestamp?
    private var statuses: [QueueStatus] = []
    private var workers: [WorkerReport] = []
    private var memory: BrokerMemory?
    private var brokerAnswer: Timestamp?

    init(_ stores: Stores, now: @escaping @Sendable () -> Timestamp) {
        self.stores = stores
        self.now = now
    }

    /// - Throws: what waiting does not mend, such as a bug.
    mutating func read() async throws(CommandError) -> MillReading {
        var faults: [MillReading.Fault] = []
        do throws(LedgerError) {
            facts = try await LedgerFacts.read(stores.ledger)
            let time = now()
            meter.add(facts.finished, at: time)
            ledgerAnswer = time
        } catch {
            faults.append(MillReading.Fault(message: try Self.fault(CommandError(error)), lastAnswer: ledgerAnswer))
        }
        do throws(BrokerError) {
            try await readBroker()
            brokerAnswer = now()
        } catch {
            faults.append(MillReading.Fault(message: try Self.fault(CommandError(error)), lastAnswer: brokerAnswer))
        }
        let queues = facts.rows(statuses, of: facts.queues.union(statuses.map(\.queue)), workforce: Workforce(workers))
            .map { row in
                MillReading.Queue(row: row, rates: meter.rates(of: row.status.queue))
            }
        return MillReading(at: now(), queues: queues, workers: workers, faults: faults, memory: memory)
    }

    private mutating func readBroker() async throws(BrokerError) {
        workers = try await stores.broker.workers()
        memory = try await stores.broker.memory()
        // While the ledger was never heard of, what the workers serve is known all the same.
        let queues = facts.queues.isEmpty ? Set(workers.flatMap(\.queues).compactMap(QueueName.init)) : facts.queues
        statuses = queues.isEmpty ? [] : try await stores.broker.status(of: queues.sorted())
    }

    private static func fault(_ error: CommandError) throws(CommandError) -> String {
        guard error.code == .unavailable else { throw error }
        return error.message
    }
}
