// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let waiting: [BrokerConformance] = [
        BrokerConformance("work that came before is not waited for") { trial in
            _ = try await trial.prepare(1)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("without work the wait ends with its time") { trial in
            try await trial.open()
            try await trial.silence()
            let start = ContinuousClock.now

            try await trial.broker.waitForWork(in: [trial.queue], timeout: .milliseconds(200))

            #expect(ContinuousClock.now - start >= .milliseconds(190))
        },
        BrokerConformance("work that comes ends the wait") { trial in
            try await trial.open()
            try await trial.silence()
            let start = ContinuousClock.now

            async let wait: Void = trial.broker.waitForWork(in: [trial.queue], timeout: .seconds(30))
            try await trial.enqueue([trial.job()])
            try await wait

            #expect(ContinuousClock.now - start < .seconds(20))
        },
        BrokerConformance("work of any of several queues ends the wait") { trial in
            let other = BrokerTrial.freshQueue()
            let start = ContinuousClock.now

            async let wait: Void = trial.broker.waitForWork(in: [other, trial.queue], timeout: .seconds(30))
            try await trial.enqueue([trial.job()])
            try await wait

            #expect(ContinuousClock.now - start < .seconds(20))
        },
        BrokerConformance("one ring wakes one waiter") { trial in
            try await trial.open()
            try await trial.silence()
            try await trial.enqueue([trial.job()])
            try await trial.enqueue([trial.job()])

            let woken = TestSignal<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await trial.broker.waitForWork(in: [trial.queue], timeout: .seconds(60))
                        woken.signal()
                    }
                }
                try await woken.next()
                await lastingly(for: .milliseconds(250), "the others wait on") { woken.waitingEvents.isEmpty }
                group.cancelAll()
                // A cancelled wait may return or throw.
                while let result = await group.nextResult() { _ = result }
            }
        },
        BrokerConformance("a reservation that leaves work rings for the next") { trial in
            _ = try await trial.prepare(2)
            try await trial.silence()

            _ = try await trial.reserve(1)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("whatever makes a job takeable rings: release") { trial in
            let reserved = try await trial.reserveFresh()
            try await trial.silence()

            _ = try await trial.broker.release([reserved.lease], in: trial.queue)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("whatever makes a job takeable rings: promotion") { trial in
            _ = try await trial.prepare(1, delay: .seconds(5))
            try await trial.silence()
            try await trial.advance(by: .seconds(6))

            _ = try await trial.broker.promote(1, in: trial.queue)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("whatever makes a job takeable rings: the end of a lease") { trial in
            _ = try await trial.reserveFresh()
            try await trial.silence()

            #expect(try await trial.tick(for: .seconds(18)) == 1)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("whatever makes a job takeable rings: the end of a process") { trial in
            _ = try await trial.reserveFresh()
            try await trial.silence()

            _ = try await trial.broker.releaseAll(of: trial.process, in: trial.queue)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("whatever makes a job takeable rings: the end of a pause") { trial in
            _ = try await trial.prepare(1)
            try await trial.broker.configure(trial.queue, isPaused: true, epoch: nil)
            try await trial.silence()

            try await trial.broker.configure(trial.queue, isPaused: false, epoch: nil)

            #expect(try await trial.isRinging())
        },
        BrokerConformance("a cancelled wait ends soon") { trial in
            let start = ContinuousClock.now

            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Whether it throws or returns is its own affair.
                    try? await trial.broker.waitForWork(in: [trial.queue], timeout: .seconds(30))
                }
                group.cancelAll()
            }

            #expect(ContinuousClock.now - start < .seconds(20))
        },
    ]
}

extension BrokerTrial {
    /// Takes a ring that is there already.
    func silence() async throws {
        try await broker.waitForWork(in: [queue], timeout: .milliseconds(20))
    }

    /// Whether a wait ends long before its time.
    func isRinging() async throws -> Bool {
        let start = ContinuousClock.now
        try await broker.waitForWork(in: [queue], timeout: .seconds(20))
        return ContinuousClock.now - start < .seconds(15)
    }
}
