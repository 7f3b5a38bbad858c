// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@Suite("RoomEstimate") struct RoomEstimateTests {
    private static let limit = 1000 << 20
    private let estimate = Trial()

    private func mebibytes(_ count: Int) -> Int { count << 20 }

    private func read(_ used: Int, limit: Int? = RoomEstimateTests.limit, liveJobs: Int = 0) throws
        -> RoomEstimate.Change?
    {
        estimate.now += .milliseconds(250)
        let inquiry = try #require(estimate.beginReading())
        return estimate.endReading(inquiry, BrokerMemory(usedBytes: used, bytesMax: limit, liveJobs: liveJobs))
    }

    private func failToRead(after time: Duration) throws -> RoomEstimate.Change? {
        estimate.now += time
        let inquiry = try #require(estimate.beginReading())
        return estimate.endReading(inquiry, nil)
    }

    /// An estimate that expectations may change.
    private final class Trial {
        private var estimate = RoomEstimate()
        var now = ContinuousClock.now

        func beginReading(after time: Duration = .zero) -> RoomEstimate.Inquiry? {
            estimate.beginReading(at: now + time)
        }

        func endReading(_ inquiry: RoomEstimate.Inquiry, _ memory: BrokerMemory?) -> RoomEstimate.Change? {
            estimate.endReading(inquiry, memory, at: now)
        }

        func isReadingDue(after time: Duration = .zero) -> Bool { estimate.isReadingDue(at: now + time) }
        func free(for level: RoomEstimate.Level) -> Int { estimate.free(for: level) }
        var urgentShare: Double { estimate.urgentShare }
        func take(_ bytes: Int, for level: RoomEstimate.Level) -> Bool { estimate.take(bytes, for: level) }
        func finish(_ bytes: Int) { estimate.finish(bytes) }
        func noteFull() -> RoomEstimate.Change? { estimate.noteFull(at: now) }
    }

    @Test func `without a reading, or a limit, everything fits`() throws {
        #expect(estimate.free(for: .submission) == .max)
        #expect(estimate.take(mebibytes(5000), for: .submission))

        #expect(try read(mebibytes(5000), limit: nil) == nil)

        #expect(estimate.free(for: .submission) == .max)
    }

    @Test func `each wants its own part of the memory`() throws {
        #expect(try read(mebibytes(700)) == nil)
        #expect(estimate.free(for: .submission) == mebibytes(50))
        #expect(estimate.free(for: .backlog) == mebibytes(50))
        #expect(estimate.free(for: .entrusted) == mebibytes(100))
        #expect(estimate.free(for: .urgent) == mebibytes(200))

        #expect(try read(mebibytes(790)) == .closed)
        #expect(estimate.free(for: .entrusted) == mebibytes(10))
        #expect(try read(mebibytes(825)) == nil)
        #expect(estimate.free(for: .submission) == 0)
        #expect(estimate.free(for: .backlog) == 0)
        #expect(estimate.free(for: .entrusted) == 0)
        #expect(estimate.free(for: .urgent) == mebibytes(75))
        #expect(estimate.urgentShare == 0.5)
    }

    @Test func `what a growing hash takes is kept free`() throws {
        _ = try read(mebibytes(600), liveJobs: 1 << 20)

        #expect(estimate.free(for: .backlog) == mebibytes(750 - 600 - 32))
    }

    @Test func `new jobs are kept back from the mark on until there is much room`() throws {
        #expect(try read(mebibytes(718)) == nil)
        #expect(try read(mebibytes(719)) == .closed)
        #expect(try read(mebibytes(740)) == nil)
        #expect(try read(mebibytes(600)) == nil)
        #expect(estimate.free(for: .submission) == 0)
        #expect(estimate.free(for: .backlog) == mebibytes(150))

        #expect(try read(mebibytes(599)) == .opened)

        #expect(estimate.free(for: .submission) == mebibytes(151))
    }

    @Test func `what is taken counts at once, and what does not fit takes nothing`() throws {
        _ = try read(mebibytes(650))

        #expect(estimate.take(mebibytes(60), for: .submission))
        #expect(!estimate.take(mebibytes(60), for: .backlog))

        #expect(estimate.free(for: .submission) == mebibytes(40))
    }

    @Test func `a submission that does not fit keeps back those that follow, unless it is just too large`() throws {
        _ = try read(mebibytes(599))
        #expect(!estimate.take(mebibytes(200), for: .submission))
        #expect(estimate.take(mebibytes(1), for: .submission))

        #expect(!estimate.take(mebibytes(200), for: .submission))

        #expect(!estimate.take(1, for: .submission))
        #expect(estimate.take(mebibytes(1), for: .backlog))
    }

    @Test func `a push counts until a reading was asked for after its end`() throws {
        _ = try read(mebibytes(600))
        #expect(estimate.take(mebibytes(30), for: .backlog))
        estimate.now += .seconds(1)
        let during = try #require(estimate.beginReading())
        estimate.finish(mebibytes(30))
        #expect(estimate.take(mebibytes(10), for: .backlog))

        // It may have been read before the push, and after.
        let memory = BrokerMemory(usedBytes: mebibytes(630), bytesMax: Self.limit, liveJobs: 0)
        _ = estimate.endReading(during, memory)
        #expect(estimate.free(for: .backlog) == mebibytes(750 - 630 - 40))

        _ = try read(mebibytes(630))
        #expect(estimate.free(for: .backlog) == mebibytes(750 - 630 - 10))
        estimate.finish(mebibytes(10))
        _ = try read(mebibytes(640))
        #expect(estimate.free(for: .backlog) == mebibytes(110))
    }

    @Test func `a burst never takes more than there is, however many come between two readings`() throws {
        _ = try read(mebibytes(100))
        var taken = 0
        // Batches of 10,000 jobs, and of jobs of 256 KiB.
        while estimate.take(RoomEstimate.cost(payloadBytes: 256 << 10) * 100, for: .submission) {
            taken += RoomEstimate.cost(payloadBytes: 256 << 10) * 100
        }

        #expect(mebibytes(100) + taken <= Self.limit / 4 * 3)
        #expect(taken > mebibytes(600))
    }

    @Test func `a refusal closes at once, until the next reading`() throws {
        _ = try read(mebibytes(100))

        #expect(estimate.noteFull() == .closed)
        #expect(estimate.noteFull() == nil)

        for level in [RoomEstimate.Level.submission, .backlog, .urgent] { #expect(estimate.free(for: level) == 0) }
        #expect(estimate.isReadingDue())
        #expect(try read(mebibytes(500)) == .opened)
        #expect(estimate.free(for: .submission) == mebibytes(250))
    }

    @Test func `a refusal does not outlast a second in which the memory cannot be read`() throws {
        #expect(estimate.noteFull() == .closed)
        #expect(try failToRead(after: .zero) == nil)
        #expect(estimate.free(for: .urgent) == 0)

        #expect(try failToRead(after: .seconds(1)) == .opened)

        #expect(estimate.free(for: .submission) == .max, "nothing is known: the push will say")
        estimate.now += .seconds(1)
        _ = try read(mebibytes(700))
        #expect(estimate.noteFull() == .closed)
        #expect(try failToRead(after: .milliseconds(999)) == nil)
        #expect(estimate.free(for: .backlog) == 0)
        #expect(try failToRead(after: .seconds(1)) == nil)
        #expect(estimate.free(for: .backlog) == mebibytes(50), "the last reading stands")
        #expect(estimate.free(for: .submission) == 0)
    }

    @Test func `a reading is made four times a second, one at a time, and sooner after much was taken`() throws {
        _ = try read(mebibytes(100))
        #expect(!estimate.isReadingDue(after: .milliseconds(249)))
        #expect(estimate.isReadingDue(after: .milliseconds(250)))

        #expect(estimate.take(mebibytes(62), for: .submission))
        #expect(!estimate.isReadingDue())
        #expect(estimate.take(mebibytes(1), for: .submission))
        let inquiry = try #require(estimate.beginReading())
        #expect(estimate.beginReading(after: .seconds(9)) == nil)

        #expect(estimate.endReading(inquiry, nil) == nil)
        #expect(!estimate.isReadingDue(after: .milliseconds(999)), "one that failed is not repeated at once")
        #expect(estimate.isReadingDue(after: .seconds(1)))
        #expect(estimate.free(for: .submission) == mebibytes(750 - 163), "the last one stands")
    }
}
