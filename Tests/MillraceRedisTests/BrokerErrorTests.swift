// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver
import Testing

@testable import MillraceRedis

@Suite("BrokerError from Redis") struct BrokerErrorTests {
    @Test(arguments: [
        ("OOM command not allowed when used memory > 'maxmemory'.", BrokerError.Code.full),
        ("READONLY You can't write against a read only replica.", .unavailable),
        ("LOADING Redis is loading the dataset in memory", .unavailable),
        ("MASTERDOWN Link with MASTER is down", .unavailable),
        ("MISCONF Errors writing to the AOF file: No space left on device", .misconfigured),
        ("BUSY Redis is busy running a script.", .unavailable),
        ("CLUSTERDOWN Hash slot not served", .unavailable),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .unavailable),
        ("UNBLOCKED force unblock from blocking operation", .unavailable),
        ("NOREPLICAS Not enough good replicas to write.", .unavailable),
        ("WRONGPASS invalid username-password pair or user is disabled.", .misconfigured),
        ("NOAUTH Authentication required.", .misconfigured),
        ("NOPERM this user has no permissions to run the 'evalsha' command", .misconfigured),
        ("EPOCH the queue has none, the caller 7", .epochMismatch),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .protocolViolation),
        ("ERR Error running script", .protocolViolation),
    ])
    func `each of Redis's errors has its code, and keeps its words`(_ text: String, _ code: BrokerError.Code) {
        let error = BrokerError(RedisError(reply: text, to: "EVALSHA"))

        #expect(error.code == code)
        #expect(error.message.contains(text))
    }

    @Test(arguments: [
        (RedisError(.unavailable, "closed"), BrokerError.Code.unavailable),
        (RedisError(.unavailable, "closed", underlying: .wrongPassword), .misconfigured),
        (RedisError(.outcomeUnknown, "closed", underlying: .unavailable), .outcomeUnknown),
        (RedisError(.cancelled, "cancelled"), .cancelled),
        (RedisError(.overloaded, "too many"), .overloaded),
        (RedisError(.unexpectedReply, "no array"), .protocolViolation),
    ])
    func `the driver's own codes say what may have been done`(_ error: RedisError, _ code: BrokerError.Code) {
        #expect(BrokerError(error).code == code)
    }
}
