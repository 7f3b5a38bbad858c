// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

@Suite("Announcements", .needsRedis) struct AnnouncementTests {
    @Test func `a subscription that was cut off is made anew, and says so`() async throws {
        try await RedisServer.withFixture { fixture in
            try await fixture.open()
            let job = fixture.job()
            var events = fixture.redis.announcements().makeAsyncIterator()
            #expect(await events.next() == .resubscribed)

            try await fixture.killSubscribers()
            #expect(await events.next() == .resubscribed)
            try await fixture.redis.cancel(job.id, token: nil, in: fixture.queue)

            #expect(await events.next() == .cancelled(job.id, nil))
            #expect(await events.next() == .finished([job.id]))
        }
    }

    @Test func `all listeners share one connection, which ends with the last`() async throws {
        try await TestRedis.with { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    var events = fixture.redis.announcements().makeAsyncIterator()
                    #expect(await events.next() == .resubscribed)
                    let rest = events
                    group.addTask {
                        var rest = rest
                        while await rest.next() != nil {}
                    }
                }
                #expect(try await fixture.subscribers() == 1)
                group.cancelAll()
                try await group.waitForAll()
            }

            try await eventually("nobody is subscribed") { try await fixture.subscribers() == 0 }
            var events = fixture.redis.announcements().makeAsyncIterator()
            #expect(await events.next() == .resubscribed)
        }
    }

    @Test func `a listener that does not keep up is told of its gap`() async throws {
        try await TestRedis.with { fixture in
            let slow = fixture.redis.announcements()
            var quick = fixture.redis.announcements().makeAsyncIterator()
            #expect(await quick.next() == .resubscribed)
            let jobs = fixture.jobs(6000)
            for job in jobs {
                _ = try await fixture.redis.complete([], in: fixture.queue, announcing: [job.id])
                #expect(await quick.next() == .finished([job.id]))
            }

            var events: [Announcement] = []
            for await event in slow {
                events.append(event)
                if events.count > 1, event == .resubscribed, events.contains(.finished([jobs[5999].id])) { break }
            }

            #expect(!events.contains(.finished([jobs[0].id])))
        }
    }

    @Test func `a broker that is shut down ends its streams`() async throws {
        try await TestRedis.with { fixture in
            let broker = try fixture.otherBroker()
            let before = broker.announcements()

            await broker.shutdown()

            for await _ in before {}
            for await _ in broker.announcements() {}
        }
    }
}
