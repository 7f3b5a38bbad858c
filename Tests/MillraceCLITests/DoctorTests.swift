// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

@Suite("Doctor")
struct DoctorTests {
    private func redis(_ info: String, offset: Duration = .zero) throws -> [Finding] {
        try #require(RedisFacts(info: info, clockOffset: offset)).findings
    }

    private static let good = """
        # Server\r
        redis_version:7.0.15\r
        # Memory\r
        used_memory:1048576\r
        maxmemory:104857600\r
        maxmemory_policy:noeviction\r
        # Persistence\r
        aof_enabled:1\r

        """

    @Test func `a Redis as it should be has no faults`() throws {
        let findings = try redis(Self.good)

        #expect(findings.allSatisfy { $0.severity == .ok })
        #expect(findings.map(\.text).contains("1 MiB used of 100 MiB (1 %)"))
    }

    @Test(arguments: [
        ("7.0.15", "6.0.16", Finding.Severity.fault, "version 6.0.16, 6.2 or newer is needed"),
        ("noeviction", "allkeys-lru", .fault, "maxmemory-policy allkeys-lru drops jobs, it must be noeviction"),
        ("aof_enabled:1", "aof_enabled:0", .warning, "appendonly no: no job is lost"),
        ("maxmemory:104857600", "maxmemory:0", .warning, "no maxmemory"),
        ("used_memory:1048576", "used_memory:94371840", .warning, "90 MiB used of 100 MiB (90 %)"),
    ])
    func `what is wrong with a Redis is said`(
        seen: String, instead: String, severity: Finding.Severity, text: String
    ) throws {
        let findings = try redis(Self.good.replacing(seen, with: instead)).filter { $0.severity != .ok }

        #expect(findings.map(\.severity) == [severity])
        #expect(findings.first?.text.contains(text) == true)
    }

    @Test(arguments: [
        (0, Finding.Severity.ok), (1999, .ok), (-2000, .warning), (299_999, .warning), (-300_000, .fault),
    ])
    func `clocks may differ a little`(milliseconds: Int, severity: Finding.Severity) {
        #expect(Finding.clock("Redis", .milliseconds(milliseconds)).severity == severity)
    }

    private static let database = DatabaseFacts(
        version: "15.9", encoding: "UTF8", isReadOnly: false, isCrashSafe: true, schemaFault: nil, connectionsMax: 100,
        connectionsReserved: 3, connectionsUsed: 5, clockOffset: .zero)

    @Test func `a PostgreSQL as it should be has no faults`() {
        #expect(Self.database.findings(wanted: 97).allSatisfy { $0.severity == .ok })
    }

    @Test func `what is wrong with a PostgreSQL is said`() {
        var facts = Self.database
        facts.encoding = "SQL_ASCII"
        facts.isReadOnly = true
        facts.isCrashSafe = false
        facts.schemaFault = "schema lacks m0002: run millrace migrate"

        let findings = facts.findings(wanted: 98).filter { $0.severity != .ok }

        #expect(findings.map(\.severity) == [.fault, .fault, .fault, .warning, .fault])
        #expect(findings.first?.text == "schema lacks m0002: run millrace migrate")
        #expect(
            findings.last?.text.hasPrefix("97 connections allowed, 5 in use, workers.yml may need 98: raise") == true)
    }
}
