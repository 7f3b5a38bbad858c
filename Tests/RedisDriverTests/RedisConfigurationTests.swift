// SPDX-License-Identifier: Apache-2.0

import RedisDriver
import Testing

@Suite struct RedisConfigurationTests {
    @Test func `reads every part of a URL`() throws {
        let configuration = try RedisConfiguration(url: "rediss://ann:s%40cret@redis.example:6390/3")

        #expect(configuration.host == "redis.example")
        #expect(configuration.port == 6390)
        #expect(configuration.database == 3)
        #expect(configuration.username == "ann")
        #expect(configuration.password == RedisPassword("s@cret"))
        #expect(configuration.usesTLS)
    }

    @Test func `fills in what a URL leaves out`() throws {
        let configuration = try RedisConfiguration(url: "redis://[::1]")

        #expect(configuration.endpoint == "[::1]:6379")
        #expect(configuration.database == 0)
        #expect(configuration.username == nil && configuration.password == nil && !configuration.usesTLS)
        #expect(try RedisConfiguration(url: "redis://:secret@h/").password == RedisPassword("secret"))
    }

    @Test func `a raw slash or at sign in the password still works`() throws {
        #expect(try RedisConfiguration(url: "redis://:a/b@c?d@h:1/2").password == RedisPassword("a/b@c?d"))
    }

    @Test(arguments: [
        "", "localhost:6379", "http://:swordfish@h", "redis://:swordfish@", "redis://:swordfish@h:0",
        "redis://:swordfish@h:70000",
        "redis://:swordfish@h:swordfish", "redis://user:swordfish", "redis://:swordfish@h/x", "redis://:swordfish@h/-1",
        "redis://:swordfish%@h", "redis://:swordfish%g1@h", "redis://:swordfish%ff@h", "redis://:swordfish@[::1",
        "redis://:swordfish@::1",
        "redis://:@h", "redis://swordfish@h", "redis://:swordfish@h?ssl=swordfish", "redis://:swordfish@h h",
    ])
    func `refuses a bad URL without repeating it`(_ url: String) {
        #expect { try RedisConfiguration(url: url) } throws: { error in
            (error as? RedisError)?.code == .invalidConfiguration && !"\(error)".contains("swordfish")
        }
    }

    @Test func `never shows the password`() throws {
        let configuration = try RedisConfiguration(url: "redis://ann:swordfish@h:1/2")
        var dumped = ""
        dump(configuration, to: &dumped)

        #expect("\(configuration)" == "redis://ann:***@h:1/2")
        #expect(!String(reflecting: configuration).contains("swordfish"))
        #expect(!dumped.contains("swordfish"))
    }
}
