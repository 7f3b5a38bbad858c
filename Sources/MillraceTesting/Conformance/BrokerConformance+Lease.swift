// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension BrokerConformance {
    static let leasing: [BrokerConformance] = [
        BrokerConformance("an extended lease lives for its new duration") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.tick(for: .seconds(14))

            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(60))

            #expect(statuses == [.owned])
            #expect(try await trial.tick(for: .seconds(50)) == 0)
            #expect(try await trial.tick(for: .seconds(12)) == 1)
        },
        BrokerConformance("a lease may be shortened") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(600))
            #expect(try await trial.tick(for: .seconds(20)) == 0)

            _ = try await trial.broker.extend([reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(1))

            #expect(try await trial.tick(for: .seconds(3)) == 1)
        },
        BrokerConformance("extending twice is extending once") { trial in
            let reserved = try await trial.reserveFresh()

            for _ in 0..<2 {
                let statuses = try await trial.broker.extend(
                    [reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(60))
                #expect(statuses == [.owned])
            }

            #expect(try await trial.status().running == 1)
            #expect(try await trial.tick(for: .seconds(55)) == 0)
            #expect(try await trial.tick(for: .seconds(10)) == 1)
        },
        BrokerConformance("a lease that ended is lost") { trial in
            _ = try await trial.prepare(4)
            let leases = try await trial.reserve().leases
            _ = try await trial.broker.complete([leases[0]], in: trial.queue, announcing: [])
            _ = try await trial.broker.release([leases[1]], in: trial.queue)
            _ = try await trial.broker.retry([(leases[2], .seconds(5))], in: trial.queue)

            let statuses = try await trial.broker.extend(
                leases, in: trial.queue, epoch: trial.epoch, by: .seconds(15))

            #expect(statuses == [.lost, .lost, .lost, .owned])
        },
        BrokerConformance("a missing lease is unknown where the epoch is another or missing") { trial in
            let lost = Lease(
                id: BrokerTrial.freshID(), queue: trial.queue,
                token: LeaseToken(reservedAtMicroseconds: 1_000_000, process: trial.process, lane: .normal))

            let without = try await trial.broker.extend(
                [lost], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            try await trial.open()
            let other = try await trial.broker.extend(
                [lost], in: trial.queue, epoch: Epoch(number: trial.epoch.number - 1), by: .seconds(15))
            let same = try await trial.broker.extend([lost], in: trial.queue, epoch: trial.epoch, by: .seconds(15))

            #expect(without == [.unknown])
            #expect(other == [.unknown])
            #expect(same == [.lost])
        },
        BrokerConformance("a lease that is held is owned under any epoch") { trial in
            let reserved = try await trial.reserveFresh()

            let statuses = try await trial.broker.extend(
                [reserved.lease], in: trial.queue, epoch: Epoch(number: trial.epoch.number + 1), by: .seconds(15))

            #expect(statuses == [.owned])
        },
        BrokerConformance("extending does not bring a lease back") { trial in
            let reserved = try await trial.reserveFresh()
            _ = try await trial.broker.release([reserved.lease], in: trial.queue)

            _ = try await trial.broker.extend([reserved.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))

            #expect(try await trial.status().running == 0)
            #expect(try await trial.reserve().ids == [reserved.lease.id])
        },
        BrokerConformance("a declared lease of an unknown job holds, before the queue has an epoch too") { trial in
            let declared = trial.declared()

            #expect(try await trial.broker.redeclare([declared], in: trial.queue, by: .seconds(30)) == [true])

            #expect(try await trial.status().running == 1)
            #expect(try await trial.broker.knows([declared.lease.id], in: trial.queue) == [true])
            let statuses = try await trial.broker.extend(
                [declared.lease], in: trial.queue, epoch: trial.epoch, by: .seconds(15))
            #expect(statuses == [.owned])
            let ended = try await trial.broker.complete([declared.lease], in: trial.queue, announcing: [])
            #expect(ended == [true])
            try await trial.expectEmpty([declared.lease.id])
        },
        BrokerConformance("declaring twice is declaring once") { trial in
            let declared = trial.declared()

            let first = try await trial.broker.redeclare([declared], in: trial.queue, by: .seconds(30))
            let second = try await trial.broker.redeclare([declared], in: trial.queue, by: .seconds(30))

            #expect(first == [true])
            #expect(second == [true])
            #expect(try await trial.status().running == 1)
        },
        BrokerConformance("a declared lease does not hold where the job is ready or scheduled") { trial in
            let ready = try await trial.prepare(1)
            let scheduled = trial.job(delay: .seconds(60))
            try await trial.enqueue([scheduled])

            let answers = try await trial.broker.redeclare(
                [trial.declared(ready[0].id), trial.declared(scheduled.id), trial.declared()], in: trial.queue,
                by: .seconds(30))

            #expect(answers == [false, false, true])
            let status = try await trial.status()
            #expect(status.running == 1)
            #expect(status.scheduled == 1)
            #expect(try await trial.reserve().ids == ready.ids)
        },
        BrokerConformance("a declared lease does not hold where another holds the job") { trial in
            let reserved = try await trial.reserveFresh()

            let answers = try await trial.broker.redeclare(
                [trial.declared(reserved.lease.id)], in: trial.queue, by: .seconds(30))

            #expect(answers == [false])
            #expect(try await trial.status().running == 1)
            #expect(try await trial.broker.complete([reserved.lease], in: trial.queue, announcing: []) == [true])
        },
        BrokerConformance("a declared lease that expires puts its job back with its envelope") { trial in
            try await trial.open()
            let declared = trial.declared(lane: .high)
            _ = try await trial.broker.redeclare([declared], in: trial.queue, by: .seconds(20))

            #expect(try await trial.tick(for: .seconds(18)) == 0)
            #expect(try await trial.tick(for: .seconds(4)) == 1)

            let reserved = try #require(try await trial.reserve().first)
            #expect(reserved.lease.id == declared.lease.id)
            #expect(reserved.lease.token.lane == .high)
            #expect(reserved.envelope == declared.envelope)
        },
    ]
}

extension BrokerTrial {
    /// A job as a worker holds it whose broker lost its data.
    func declared(_ id: JobID = freshID(), lane: Priority = .normal) -> LeasedJob {
        let token = LeaseToken(
            reservedAtMicroseconds: UInt64(id.time.unixMilliseconds) * 1000, process: process, lane: lane)
        return LeasedJob(
            lease: Lease(id: id, queue: queue, token: token), envelope: job("[1,2]", id: id).envelope.encoded())
    }
}
