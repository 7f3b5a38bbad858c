// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let settling: [LedgerConformance] = [
        LedgerConformance("a queue that is named has a row, without a pause and without an epoch") { trial in
            #expect(try await trial.settings() == nil)

            for _ in 0..<2 { try await trial.ledger.ensureQueue(trial.queue) }

            #expect(try await trial.settings() == QueueSettings(queue: trial.queue))
        },
        LedgerConformance("naming a queue again changes none of its settings") { trial in
            try await trial.ledger.setPaused(true, queue: trial.queue)
            let epoch = try await trial.ledger.establishEpoch(of: trial.queue, serverID: "one")

            try await trial.ledger.ensureQueue(trial.queue)

            let expected = QueueSettings(queue: trial.queue, isPaused: true, epoch: epoch, serverID: "one")
            #expect(try await trial.settings() == expected)
        },
        LedgerConformance("queues are paused and resumed one by one") { trial in
            try await trial.ledger.ensureQueue(trial.otherQueue)

            for isPaused in [true, true, false, false] {
                try await trial.ledger.setPaused(isPaused, queue: trial.queue)

                #expect(try await trial.settings()?.isPaused == isPaused)
                #expect(try await trial.settings(of: trial.otherQueue)?.isPaused == false)
            }
        },
        LedgerConformance("the first epoch stands, whoever asks for it") { trial in
            let first = try await trial.ledger.establishEpoch(of: trial.queue, serverID: "one")
            let second = try await trial.ledger.establishEpoch(of: trial.queue, serverID: "two")

            #expect(first == second)
            let settings = try await trial.settings()
            #expect(settings?.epoch == first)
            #expect(settings?.serverID == "one")
        },
        LedgerConformance("of many that establish an epoch at once all get the same") { trial in
            let epochs = try await withThrowingTaskGroup(of: Epoch.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await trial.ledger.establishEpoch(of: trial.queue, serverID: "server \(number)")
                    }
                }
                return try await group.reduce(into: Set<Epoch>()) { $0.insert($1) }
            }

            #expect(epochs.count == 1)
            #expect(try await trial.settings()?.epoch == epochs.first)
        },
        LedgerConformance("a raised epoch is greater by one, and notes its server") { trial in
            let first = try await trial.ledger.establishEpoch(of: trial.queue, serverID: "one")

            let second = try await trial.raiseEpoch(of: "two")
            let third = try await trial.raiseEpoch(of: "two")

            #expect(second.number == first.number + 1)
            #expect(third.number == first.number + 2)
            let settings = try await trial.settings()
            #expect(settings?.epoch == third)
            #expect(settings?.serverID == "two")
            #expect(try await trial.ledger.establishEpoch(of: trial.queue, serverID: "three") == third)
        },
        LedgerConformance("an epoch can be raised that nobody has established, and is above that of a rebuild") {
            trial in
            let raised = try await trial.raiseEpoch(of: "one")
            let established = try await trial.ledger.establishEpoch(of: trial.otherQueue, serverID: "one")

            #expect(raised.number > Epoch.rebuilding.number)
            #expect(established.number > Epoch.rebuilding.number)
            #expect(try await trial.settings()?.epoch == raised)
        },
        LedgerConformance(
            "a wait for live workers goes on with the next epoch, of the same server, where that is asked for"
        ) {
            trial in
            #expect(try await trial.raise() == nil)
            try await trial.beginWait()
            try await trial.advance(by: .seconds(100))
            let first = try #require(try await trial.raise())
            try await trial.advance(by: .seconds(100))
            let second = try #require(try await trial.raise())

            #expect(first >= .seconds(100) && first < .seconds(150))
            #expect(second >= .seconds(200) && second < .seconds(250))
            #expect(try await trial.raise(goesOn: false) == nil)
            #expect(try await trial.raise() == nil, "it was given up")
            try await trial.beginWait()
            #expect(try await trial.raise("two") == nil)
            #expect(try await trial.raise("two") == nil, "it was of another server")
            try await trial.beginWait(behind: 1)
            #expect(try await trial.raise("two") == nil, "it was another rebuild's")
        },
        LedgerConformance("one rebuild of a queue at a time, and others wait until it is released") { trial in
            let lock = try #require(try await trial.ledger.lockRebuild(of: trial.queue))
            let other = try #require(try await trial.ledger.lockRebuild(of: trial.otherQueue))

            #expect(try await trial.ledger.lockRebuild(of: trial.queue) == nil)
            #expect(await lock.isHeld())
            await lock.release()
            #expect(await lock.isHeld() == false)
            let next = try #require(try await trial.ledger.lockRebuild(of: trial.queue))
            await lock.release()
            #expect(await next.isHeld())
            #expect(await other.isHeld())
            await next.release()
            await other.release()
        },
        LedgerConformance("pool counts are set, changed and forgotten one by one") { trial in
            #expect(try await trial.ledger.poolCounts().isEmpty)

            try await trial.ledger.setPoolCount(4, pool: "photos")
            try await trial.ledger.setPoolCount(0, pool: "mail")
            try await trial.ledger.setPoolCount(5, pool: "photos")
            #expect(try await trial.ledger.poolCounts() == ["photos": 5, "mail": 0])

            for _ in 0..<2 { try await trial.ledger.setPoolCount(nil, pool: "photos") }
            #expect(try await trial.ledger.poolCounts() == ["mail": 0])
        },
    ]
}

extension LedgerTrial {
    /// How long the wait that goes on has lasted; nil for none.
    fileprivate func raise(_ serverID: String = "one", goesOn: Bool = true) async throws -> Duration? {
        let raised = try await ledger.raiseEpoch(of: queue, serverID: serverID, goesOn: goesOn)
        let settings = try await settings()
        #expect(settings?.epoch == raised.epoch)
        return raised.waited
    }

    /// - Parameter epochs: so much older than the queue's is the epoch of which it is said.
    fileprivate func beginWait(behind epochs: Int64 = 0) async throws {
        let epoch = try await settings()?.epoch?.number ?? 0
        try await ledger.beginWait(of: queue, epoch: Epoch(number: epoch - epochs))
    }

    fileprivate func raiseEpoch(of serverID: String) async throws -> Epoch {
        try await ledger.raiseEpoch(of: queue, serverID: serverID, goesOn: false).epoch
    }

    func settings(of queue: QueueName? = nil) async throws -> QueueSettings? {
        try await ledger.queues().first { $0.queue == queue ?? self.queue }
    }
}
