// SPDX-License-Identifier: Apache-2.0

extension BadInputTable {
    /// JSON that is no job.
    static let members: [BadInput] = shapes + kinds + payloads + strangers + times + numbers + texts

    private static let shapes: [BadInput] = [
        .invalidBody("an array", "[]", at: ""),
        .invalidBody("a string", #""hello.greet""#, at: ""),
        .invalidBody("a number", "17", at: ""),
        .invalidBody("null", "null", at: ""),
        .invalidBody("an empty object, of which all faults are told", "{}", at: "/payload", says: "/kind"),
    ]

    private static let kinds: [BadInput] = [
        .invalidBody("no kind", #"{"payload":{}}"#, at: "/kind", says: "missing"),
        .invalidBody("a kind that is a number", #"{"kind":1,"payload":{}}"#, at: "/kind"),
        .invalidBody("a kind that is null", #"{"kind":null,"payload":{}}"#, at: "/kind"),
        .invalidBody("an empty kind", #"{"kind":"","payload":{}}"#, at: "/kind"),
        .invalidBody("an unknown kind", #"{"kind":"nobody.knows.this","payload":{}}"#, at: "/kind", says: "not a kind"),
        .invalidBody(
            "a kind with a slip", #"{"kind":"hello.gret","payload":{}}"#, at: "/kind", says: "did you mean hello.greet?"
        ),
        .invalidBody("a kind in capitals", #"{"kind":"Hello.Greet","payload":{}}"#, at: "/kind"),
        .invalidBody("a kind with a NUL", #"{"kind":"hello\u0000","payload":{}}"#, at: "/kind"),
    ]

    private static let payloads: [BadInput] = [
        .invalidBody("no payload", #"{"kind":"hello.greet"}"#, at: "/payload", says: "missing"),
        .invalidBody("a payload that is a number", #"{"kind":"hello.greet","payload":1}"#, at: "/payload"),
        .invalidBody("a payload that is null", #"{"kind":"hello.greet","payload":null}"#, at: "/payload"),
        .invalidBody("a payload without a member", #"{"kind":"hello.greet","payload":{}}"#, at: "/payload/name"),
        .invalidBody(
            "a payload's member of another type", #"{"kind":"hello.greet","payload":{"name":["x"]}}"#,
            at: "/payload/name"),
        .invalidBody(
            "a payload's number out of range",
            #"{"kind":"hello.greet","payload":{"name":"x","count":99999999999999999999}}"#, at: "/payload/count",
            says: "99999999999999999999 is outside of the range of its field"),
        .invalidBody(
            "a payload's number with a fraction", #"{"kind":"hello.greet","payload":{"name":"x","count":1.5}}"#,
            at: "/payload/count", says: "expected a whole number, found 1.5"),
        .invalidBody(
            "a payload's number beyond a double", #"{"kind":"hello.greet","payload":{"name":"x","count":1e400}}"#,
            at: "/payload/count", says: "1e400 is outside of the range of its field"),
        .invalidBody(
            "a payload over 256 KiB",
            #"{"kind":"hello.greet","payload":{"name":"\#(String(repeating: "x", count: 256 * 1024))"}}"#,
            at: "/payload",
            says: "262144"),
    ]

    private static let strangers: [BadInput] = [
        .invalid("an unknown member", #""colour":"red""#, at: "/colour", says: "unknown member"),
        .invalid("a member with a slip", #""priorty":"low""#, at: "/priorty", says: "did you mean priority?"),
        .invalid("a member with a slash", #""a/b~c":1"#, at: "/a~1b~0c"),
        .invalid("a state", #""state":"completed""#, at: "/state"),
        .invalid("an id", #""id":"00000000-0000-7000-8000-000000000000""#, at: "/id"),
        .invalid("an attempt", #""attempt":5"#, at: "/attempt"),
        .invalid("a result", #""result":{}"#, at: "/result"),
        .invalid("a second kind", #""kind":"hello.greet""#, at: "/kind", says: "more than once"),
        .invalid("a second payload", #""payload":{"name":"y"}"#, at: "/payload", says: "more than once"),
        .invalid("a second queue, escaped", #""queue":"a","\u0071ueue":"b""#, at: "/queue", says: "more than once"),
        .invalid("uniqueness", #""unique":{"for":"1h"}"#, at: "/unique", says: "not available yet"),
        .invalid("a key", #""key":"customer-1""#, at: "/key", says: "not available yet"),
        .invalid("an unknown durability", #""durability":"paper""#, at: "/durability"),
        .invalid("a durability that is a number", #""durability":1"#, at: "/durability"),
    ]

    private static let times: [BadInput] = [
        .invalid("a run_at that is no time", #""run_at":"tomorrow""#, at: "/run_at"),
        .invalid("a run_at that is a number", #""run_at":1777777777"#, at: "/run_at"),
        .invalid("a run_at that is null", #""run_at":null"#, at: "/run_at"),
        .invalid("a run_at without a zone", #""run_at":"2026-05-04T03:02:01""#, at: "/run_at"),
        .invalid("a run_at without a time", #""run_at":"2026-05-04""#, at: "/run_at"),
        .invalid("the 30th of February", #""run_at":"2026-02-30T00:00:00Z""#, at: "/run_at"),
        .invalid("the 29th of February 2100", #""run_at":"2100-02-29T00:00:00Z""#, at: "/run_at"),
        .invalid("a 13th month", #""run_at":"2026-13-01T00:00:00Z""#, at: "/run_at"),
        .invalid("a 25th hour", #""run_at":"2026-05-04T25:00:00Z""#, at: "/run_at"),
        .invalid("a zone of 99 hours", #""run_at":"2026-05-04T03:02:01+99:00""#, at: "/run_at"),
        .invalid("the year 9999", #""run_at":"9999-12-31T23:59:59Z""#, at: "/run_at", says: "365 days"),
        .invalid("a year of five digits", #""run_at":"12026-05-04T03:02:01Z""#, at: "/run_at"),
        .invalid("a delay without a unit", #""delay":"20""#, at: "/delay"),
        .invalid("a delay that is a number", #""delay":20"#, at: "/delay"),
        .invalid("an empty delay", #""delay":"""#, at: "/delay"),
        .invalid("a negative delay", #""delay":"-5s""#, at: "/delay"),
        .invalid("a delay with a fraction", #""delay":"1.5s""#, at: "/delay"),
        .invalid("a delay with its units in disorder", #""delay":"1s1m""#, at: "/delay"),
        .invalid("a delay with a unit twice", #""delay":"1s1s""#, at: "/delay"),
        .invalid("a delay in years", #""delay":"1y""#, at: "/delay"),
        .invalid("a delay of 366 days", #""delay":"366d""#, at: "/delay", says: "365d"),
        .invalid("a delay beyond all numbers", #""delay":"99999999999999999999s""#, at: "/delay"),
        .invalid("a delay that overflows", #""delay":"9223372036854775807d""#, at: "/delay"),
        .invalid("run_at and delay", #""delay":"1s","run_at":"2020-01-01T00:00:00Z""#, at: "/delay", says: "exclude"),
        .invalid("an expiry in the past", #""expires_at":"1970-01-01T00:00:00Z""#, at: "/expires_at", says: "passed"),
        .invalid("an expiry in the year 0", #""expires_at":"0000-01-01T00:00:00Z""#, at: "/expires_at", says: "passed"),
        .invalid("an expiry before the delay", #""delay":"300d","expires_at":"\#(tomorrow)""#, at: "/expires_at"),
        .invalid("a time-out of nothing", #""timeout":"0s""#, at: "/timeout"),
        .invalid("a time-out over a day", #""timeout":"25h""#, at: "/timeout", says: "1d"),
        .invalid("a time-out that is a number", #""timeout":600"#, at: "/timeout"),
    ]

    private static let numbers: [BadInput] = [
        .invalid("no attempts", #""max_attempts":0"#, at: "/max_attempts"),
        .invalid("-1 attempts", #""max_attempts":-1"#, at: "/max_attempts"),
        .invalid("1001 attempts", #""max_attempts":1001"#, at: "/max_attempts", says: "1000"),
        .invalid("one and a half attempts", #""max_attempts":1.5"#, at: "/max_attempts"),
        .invalid("attempts with an exponent", #""max_attempts":1e1"#, at: "/max_attempts"),
        .invalid("attempts beyond all numbers", #""max_attempts":99999999999999999999"#, at: "/max_attempts"),
        .invalid("attempts beyond a double", #""max_attempts":1e400"#, at: "/max_attempts"),
        .invalid("attempts in a string", #""max_attempts":"3""#, at: "/max_attempts"),
        .invalid("attempts that are true", #""max_attempts":true"#, at: "/max_attempts"),
        .invalid("attempts that are null", #""max_attempts":null"#, at: "/max_attempts"),
    ]

    private static let texts: [BadInput] = [
        .invalid("an empty queue", #""queue":"""#, at: "/queue"),
        .invalid("a queue in capitals", #""queue":"Photos""#, at: "/queue", says: "a-z0-9"),
        .invalid("a queue of 65 letters", #""queue":"\#(String(repeating: "q", count: 65))""#, at: "/queue"),
        .invalid("a queue with a brace", #""queue":"{q}""#, at: "/queue"),
        .invalid("a queue with a slash", #""queue":"a/b""#, at: "/queue"),
        .invalid("a queue with an accent", #""queue":"caf\u00e9""#, at: "/queue"),
        .invalid("a queue that is a number", #""queue":1"#, at: "/queue"),
        .invalid("a queue that is null", #""queue":null"#, at: "/queue"),
        .invalid("an unknown priority", #""priority":"urgent""#, at: "/priority", says: "critical, high, normal, low"),
        .invalid("a priority that is a number", #""priority":1"#, at: "/priority"),
        .invalid("tags in a string", #""tags":"a""#, at: "/tags"),
        .invalid("tags in an object", #""tags":{"a":1}"#, at: "/tags"),
        .invalid(
            "17 tags", #""tags":[\#(Array(repeating: "\"a\"", count: 17).joined(separator: ","))]"#, at: "/tags",
            says: "16"),
        .invalid("an empty tag", #""tags":["a",""]"#, at: "/tags/1"),
        .invalid("a tag of 65 bytes", #""tags":["\#(String(repeating: "t", count: 65))"]"#, at: "/tags/0", says: "64"),
        .invalid("a tag that is a number", #""tags":["a",2]"#, at: "/tags/1"),
        .invalid("a tag with a newline", #""tags":["a\nb"]"#, at: "/tags/0", says: "control"),
        .invalid("a tag with a NUL", #""tags":["\u0000"]"#, at: "/tags/0", says: "control"),
    ]

    /// Any time between tomorrow and the 300 days of the delay beside it, however old this table is.
    private static var tomorrow: String { FarTimes.inTwoDays }
}
