// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceAPI

@Suite("Durations as text") struct DurationTextTests {
    @Test(arguments: [
        ("20s", 20_000), ("1m30s", 90_000), ("250ms", 250), ("2h", 7_200_000), ("1d", 86_400_000), ("0s", 0),
        ("1d2h3m4s5ms", 93_784_005), ("90m", 5_400_000), ("007s", 7000),
    ])
    func `units are read, larger ones first`(_ text: String, _ milliseconds: Int64) {
        #expect(Duration(text: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "s", "20", "1.5s", "-1s", "+1s", "1s1m", "1s1s", "1 s", "1S", "1us", "٣s", "1s ", "9223372036854775807s",
    ])
    func `anything else is refused`(_ text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test(arguments: [0, 1, 999, 1000, 1001, 59_999, 60_000, 86_399_999, 86_400_000, 93_784_005, Int64.max / 2])
    func `what is written is read again`(_ milliseconds: Int64) {
        let duration = Duration.milliseconds(milliseconds)

        #expect(Duration(text: duration.text) == duration)
    }
}

@Suite("Times as text") struct TimestampTextTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31T23:59:59.999Z", -1),
        ("2000-02-29T12:00:00Z", 951_825_600_000), ("2026-05-04T05:02:01+02:00", 1_777_863_721_000),
        ("2026-05-03T22:32:01.5-04:30", 1_777_863_721_500), ("2026-05-04t03:02:01.123456789z", 1_777_863_721_123),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
    ])
    func `times are read to the millisecond`(_ text: String, _ milliseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.unixMilliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2026-05-04", "2026-05-04T03:02Z", "2026-05-04T03:02:01", "2026-5-4T03:02:01Z", "2026-05-04T24:00:00Z",
        "2026-05-04T03:60:01Z", "2026-05-04T03:02:61Z", "2026-00-04T03:02:01Z", "2026-04-31T03:02:01Z",
        "1900-02-29T00:00:00Z", "2026-05-04T03:02:01.Z", "2026-05-04T03:02:01+0200", "2026-05-04T03:02:01+24:00",
        "2026-05-04T03:02:01Zjunk", "-001-05-04T03:02:01Z",
    ])
    func `anything else is refused`(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `days of eight centuries are written and read again`() {
        for day in stride(from: -150_000, through: 150_000, by: 13) {
            let time = Timestamp(unixMilliseconds: Int64(day) * 86_400_000 + Int64(day % 1000).magnitude.signed)

            #expect(Timestamp(rfc3339: time.rfc3339) == time)
        }
    }

    @Test func `times of no four-digit year are written as the nearest one`() {
        #expect(Timestamp(unixMilliseconds: .max).rfc3339 == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(unixMilliseconds: .min).rfc3339 == "0000-01-01T00:00:00.000Z")
    }
}

extension UInt64 {
    fileprivate var signed: Int64 { Int64(self) }
}

@Suite("Cursor") struct CursorTests {
    @Test func `an id comes back`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let id = JobID(at: .now(), using: &generator)

            #expect(Cursor.id(of: Cursor.text(for: id)) == id)
        }
    }

    @Test func `each text stands for one id at most`() throws {
        let id = try #require(JobID("01900000-0000-7000-8000-00000000000f"))
        let text = Cursor.text(for: id)

        // The last digit has two bits that mean nothing: only the one with both zero is taken.
        let alike = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".map {
            text.dropLast() + String($0)
        }
        #expect(alike.filter { Cursor.id(of: String($0)) != nil }.count == 16)
        #expect(Cursor.id(of: text + "A") == nil)
        #expect(Cursor.id(of: String(text.dropLast())) == nil)
    }
}

@Suite("NearestName") struct NearestNameTests {
    @Test func `a slip finds the name that was meant`() {
        let known = ["kind", "payload", "priority", "max_attempts"]

        #expect(NearestName.nearest(to: "priorty", among: known) == "priority")
        #expect(NearestName.nearest(to: "max_attempt", among: known) == "max_attempts")
        #expect(NearestName.nearest(to: "Kind", among: known) == "kind")
        #expect(NearestName.nearest(to: "colour", among: known) == nil)
        #expect(NearestName.nearest(to: "", among: known) == nil)
        #expect(NearestName.nearest(to: "x", among: []) == nil)
    }

    @Test func `a long name costs no more than a short one`() {
        #expect(NearestName.nearest(to: String(repeating: "k", count: 1_000_000), among: ["kind"]) == nil)
    }
}

@Suite("Request target") struct RequestTargetTests {
    @Test func `path and query are decoded`() throws {
        let target = try #require(RequestTarget("/v1/a%2Fb/%C3%A9?q=1+2%2B&flag&x=a=b#end"))

        #expect(target.path == "/v1/a%2Fb/%C3%A9")
        #expect(target.segments == ["v1", "a/b", "é"])
        #expect(target.parameters.map(\.name) == ["q", "flag", "x"])
        #expect(target.parameters.map(\.value) == ["1 2+", "", "a=b"])
    }

    @Test func `the absolute form is taken`() throws {
        #expect(RequestTarget("http://localhost:80/livez?a=1")?.segments == ["livez"])
        #expect(RequestTarget("HTTP://localhost")?.segments == [""])
    }

    @Test(arguments: ["", "*", "jobs", "/%", "/%4", "/%zz", "/%ff", "/?a=%", "/?%ff=1", "ftp://host/"])
    func `anything else is refused`(_ target: String) {
        #expect(RequestTarget(target) == nil)
    }
}

@Suite("LoopbackAddress") struct LoopbackAddressTests {
    @Test func `only this machine's own addresses are bindable`() {
        #expect(LoopbackAddress.bindable("127.0.0.1") == "127.0.0.1")
        #expect(LoopbackAddress.bindable("127.8.9.10") == "127.8.9.10")
        #expect(LoopbackAddress.bindable("localhost") == "127.0.0.1")
        #expect(LoopbackAddress.bindable("::1") == "::1")
        for host in ["0.0.0.0", "::", "10.0.0.1", "127.0.0.256", "127.1", "127.0.0.1.example.com", "example.com", ""] {
            #expect(LoopbackAddress.bindable(host) == nil, "\(host)")
        }
    }
}
