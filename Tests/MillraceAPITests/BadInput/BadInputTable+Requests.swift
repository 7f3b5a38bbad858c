// SPDX-License-Identifier: Apache-2.0

extension BadInputTable {
    private static let good = #"{"kind":"hello.greet","payload":{"name":"x"}}"#
    private static let absent = "01900000-0000-7000-8000-000000000000"

    static let batches: [BadInput] = [
        .batch("an empty batch", "[]", 422, "invalid-field", .pointer("")),
        .batch("a batch that is an object", "{}", 422, "invalid-field", .pointer("")),
        .batch("a batch that is null", "null", 422, "invalid-field", .pointer("")),
        .batch("a batch without a body", "", 400, "malformed-json", .pointer("")),
        .batch("an empty batch of lines", "\n\n", 422, "invalid-field", .pointer(""), lines: true),
        .batch(
            "10,001 jobs", "[" + Array(repeating: "{}", count: 10_001).joined(separator: ",") + "]", 422,
            "invalid-field",
            .pointer(""), says: "10000"),
        .batch(
            "10,001 lines", String(repeating: "{}\n", count: 10_001), 422, "invalid-field", .pointer(""), lines: true,
            says: "10000"),
        .batch("a number among the jobs", "[\(good),17]", 422, "invalid-field", .pointer("/1")),
        .batch(
            "a fault in the third job", #"[\#(good),\#(good),{"kind":"x","payload":1}]"#, 422, "invalid-field",
            .pointer("/2/kind")),
        .batch(
            "a payload's fault in the second job", #"[\#(good),{"kind":"hello.greet","payload":{"name":1}}]"#, 422,
            "invalid-field", .pointer("/1/payload/name")),
        .batch(
            "faults in all of 200 jobs", "[" + Array(repeating: "{}", count: 200).joined(separator: ",") + "]", 422,
            "invalid-field", .pointer("/49/payload"), says: #""errors_omitted":300"#),
        .batch("a break in the second job", "[\(good),{\"kind\":}]", 400, "malformed-json", .pointer("/1/kind")),
        .batch("lines sent as an array", "\(good)\n\(good)", 400, "malformed-json", .pointer("")),
        .batch("an array sent as a line", "[\(good)]", 422, "invalid-field", .line(1, "/0"), lines: true),
        .batch(
            "a break in the fourth line", "\(good)\n\n\(good)\r\n{\"kind\":\"hello\n", 400, "malformed-json",
            .line(4, "/2/kind"), lines: true, says: "line 4"),
        .batch(
            "an unknown kind in the third line", "\(good)\n\n{\"kind\":\"x\",\"payload\":1}", 422, "invalid-field",
            .line(3, "/1/kind"), lines: true),
        .batch("two jobs in a line", "\(good)\(good)", 400, "malformed-json", .line(1, "/0"), lines: true),
        .batch(
            "a line of 10,000 arrays", String(repeating: "[", count: 10_000), 400, "malformed-json",
            .line(1, "/0" + String(repeating: "/0", count: 65)), lines: true),
    ]

    static let requests: [BadInput] = types + paths + queries + keys + origins + operations + raws

    private static let types: [BadInput] = [
        .header("a form", [("Content-Type", "application/x-www-form-urlencoded")], 415, "unsupported-media-type"),
        .header("plain text", [("Content-Type", "text/plain")], 415, "unsupported-media-type"),
        .header("lines for one job", [("Content-Type", "application/x-ndjson")], 415, "unsupported-media-type"),
        .header("an empty type", [("Content-Type", "")], 415, "unsupported-media-type"),
        .header("a zipped body", [("Content-Encoding", "gzip")], 415, "unsupported-media-type"),
        BadInput(
            description: "no type", headers: [], body: Array(good.utf8), status: 415, type: "unsupported-media-type"),
        BadInput(
            description: "a batch as XML", path: "/v1/jobs:batch", headers: [("Content-Type", "text/xml")],
            body: Array("<jobs/>".utf8), status: 415, type: "unsupported-media-type"),
    ]

    private static let paths: [BadInput] = [
        .get("nothing at the root", "/", 404, "not-found"),
        .get("an unknown version", "/v2/jobs", 404, "not-found"),
        .get("a slash too many at the end", "/v1/jobs/", 404, "not-found"),
        .get("a slash too many within", "/v1//jobs", 404, "not-found"),
        .get("an unknown part of a job", "/v1/jobs/\(absent)/entrails", 404, "not-found"),
        .get("no id", "/v1/jobs/abc", 404, "not-found"),
        .get("an id that is too long", "/v1/jobs/\(absent)0", 404, "not-found"),
        .get("an id without its dashes", "/v1/jobs/01900000000070008000000000000000", 404, "not-found"),
        .get("an absent job", "/v1/jobs/\(absent)", 404, "not-found"),
        .get("the result of an absent job", "/v1/jobs/\(absent)/result", 404, "not-found"),
        .get("waiting for an absent job", "/v1/jobs/\(absent)/result?wait=20s", 404, "not-found"),
        .get("a path with a broken escape", "/v1/jobs/%zz", 400, "malformed-request"),
        .get("a path that is not UTF-8", "/v1/jobs/%ff", 400, "malformed-request"),
        .get("a path with an escaped NUL", "/v1/queues/a%00b", 404, "not-found"),
        .get("an absent queue", "/v1/queues/nobody-named-this", 404, "not-found"),
        .get("no queue's name", "/v1/queues/UP", 404, "not-found"),
        .get("an absent pool", "/v1/pools/none", 404, "not-found"),
        .request("DELETE of all jobs", "DELETE", "/v1/jobs", nil, 405, "method-not-allowed", says: "GET, HEAD"),
        .request("PUT of a job", "PUT", "/v1/jobs/\(absent)", "{}", 405, "method-not-allowed"),
        .request("PATCH of a job", "PATCH", "/v1/jobs/\(absent)", "{}", 405, "method-not-allowed"),
        .request("GET of a batch", "GET", "/v1/jobs:batch", nil, 405, "method-not-allowed"),
        .request("GET of a cancellation", "GET", "/v1/jobs/\(absent)/cancel", nil, 405, "method-not-allowed"),
        .request("POST to health", "POST", "/livez", "{}", 405, "method-not-allowed"),
        .request("a method of one's own", "PURGE", "/v1/queues", nil, 405, "method-not-allowed"),
        .request("OPTIONS", "OPTIONS", "/v1/jobs", nil, 405, "method-not-allowed"),
    ]

    private static let queries: [BadInput] = [
        .get("an unknown parameter", "/v1/jobs?color=red", 422, "invalid-parameter", .parameter("color")),
        .get("a parameter with a slip", "/v1/jobs?sate=dead", 422, "invalid-parameter", .parameter("sate")),
        .get("a parameter where none is taken", "/v1/queues?limit=1", 422, "invalid-parameter", .parameter("limit")),
        .get("a parameter twice", "/v1/jobs?limit=1&limit=2", 422, "invalid-parameter", .parameter("limit")),
        .get("a limit of nothing", "/v1/jobs?limit=0", 422, "invalid-parameter", .parameter("limit")),
        .get("a limit of 501", "/v1/jobs?limit=501", 422, "invalid-parameter", .parameter("limit")),
        .get("a negative limit", "/v1/jobs?limit=-1", 422, "invalid-parameter", .parameter("limit")),
        .get("a limit with an exponent", "/v1/jobs?limit=1e2", 422, "invalid-parameter", .parameter("limit")),
        .get(
            "a limit beyond all numbers", "/v1/jobs?limit=99999999999999999999", 422, "invalid-parameter",
            .parameter("limit")),
        .get("an empty limit", "/v1/jobs?limit=", 422, "invalid-parameter", .parameter("limit")),
        .get("an unknown state", "/v1/jobs?state=done", 422, "invalid-parameter", .parameter("state")),
        .get("a queue in capitals", "/v1/jobs?queue=UP", 422, "invalid-parameter", .parameter("queue")),
        .get("a queue with a NUL", "/v1/jobs?queue=a%00b", 422, "invalid-parameter", .parameter("queue")),
        .get("no kind's name", "/v1/jobs?kind=a%20b", 422, "invalid-parameter", .parameter("kind")),
        .get("rubbish for a cursor", "/v1/jobs?cursor=rubbish", 422, "invalid-parameter", .parameter("cursor")),
        .get("an empty cursor", "/v1/jobs?cursor=", 422, "invalid-parameter", .parameter("cursor")),
        .get(
            "a cursor of another version", "/v1/jobs?cursor=AgGQAAAAAHAAgAAAAAAAAAA", 422, "invalid-parameter",
            .parameter("cursor")),
        .get(
            "a cursor with other letters", "/v1/jobs?cursor=AQGQAAAAAHAAgAAAAAA%2BAAA", 422, "invalid-parameter",
            .parameter("cursor")),
        .get(
            "a cursor of a megabyte's tenth", "/v1/jobs?cursor=\(String(repeating: "A", count: 9000))", 422,
            "invalid-parameter", .parameter("cursor")),
        .get("a query with a broken escape", "/v1/jobs?queue=%z", 400, "malformed-request"),
        .get(
            "a wait without a unit", "/v1/jobs/\(absent)/result?wait=20", 422, "invalid-parameter", .parameter("wait")),
        .get(
            "a wait over a minute", "/v1/jobs/\(absent)/result?wait=61s", 422, "invalid-parameter", .parameter("wait")),
        .get("a negative wait", "/v1/jobs/\(absent)/result?wait=-1s", 422, "invalid-parameter", .parameter("wait")),
        .request(
            "a submission's wait of an hour", "POST", "/v1/jobs?wait=1h", good, 422, "invalid-parameter",
            .parameter("wait")),
        .request(
            "a wait for a batch", "POST", "/v1/jobs:batch?wait=1s", "[\(good)]", 422, "invalid-parameter",
            .parameter("wait")),
    ]

    private static let keys: [BadInput] = [
        .header("an empty key", [("Idempotency-Key", "")], 422, "invalid-header", .header("Idempotency-Key")),
        .header(
            "a key of 129 letters", [("Idempotency-Key", String(repeating: "k", count: 129))], 422, "invalid-header",
            .header("Idempotency-Key")),
        .header("a key with a space", [("Idempotency-Key", "a b")], 422, "invalid-header", .header("Idempotency-Key")),
        .header("a key with an accent", [("Idempotency-Key", "é")], 422, "invalid-header", .header("Idempotency-Key")),
        .header(
            "two keys", [("Idempotency-Key", "a"), ("Idempotency-Key", "b")], 422, "invalid-header",
            .header("Idempotency-Key")),
    ]

    private static let origins: [BadInput] = [
        .header("a page of another site", [("Origin", "http://evil.example")], 403, "foreign-origin"),
        .header("a page without an origin", [("Origin", "null")], 403, "foreign-origin"),
        .header("a fetch across sites", [("Sec-Fetch-Site", "cross-site")], 403, "foreign-origin"),
        .header("a name of another site", [("Host", "evil.example")], 403, "foreign-origin"),
        .header("a name that begins like ours", [("Host", "127.0.0.1.evil.example")], 403, "foreign-origin"),
    ]

    private static let operations: [BadInput] = [
        .request("cancelling an absent job", "POST", "/v1/jobs/\(absent)/cancel", nil, 404, "not-found"),
        .request("cancelling no id", "POST", "/v1/jobs/1/cancel", nil, 404, "not-found"),
        .request("retrying an absent job", "POST", "/v1/jobs/\(absent)/retry", nil, 404, "not-found"),
        .request(
            "a cancellation with a body", "POST", "/v1/jobs/\(absent)/cancel", #"{"why":"me"}"#, 422,
            "invalid-field", .pointer("")),
        .request("pausing an absent queue", "POST", "/v1/queues/nobody-named-this/pause", nil, 404, "not-found"),
        .request("pausing no queue's name", "POST", "/v1/queues/UP/pause", nil, 404, "not-found"),
        .request("resuming an absent queue", "POST", "/v1/queues/nobody-named-this/resume", nil, 404, "not-found"),
        .request("scaling an absent pool", "PUT", "/v1/pools/none", #"{"count":1}"#, 404, "not-found"),
        .pool("a scale without a count", "{}", 422, "/count"),
        .pool("a scale with a string", #"{"count":"4"}"#, 422, "/count"),
        .pool("a scale with a fraction", #"{"count":1.5}"#, 422, "/count"),
        .pool("a scale below nothing", #"{"count":-1}"#, 422, "/count"),
        .pool("a scale of 1001", #"{"count":1001}"#, 422, "/count"),
        .pool("a scale twice", #"{"count":1,"count":2}"#, 422, "/count"),
        .pool("a scale with a stranger", #"{"count":1,"desired":2}"#, 422, "/desired"),
        .pool("a scale that is a number", "4", 422, "/count"),
        .pool("a scale that is no JSON", "{count:4}", 400, ""),
    ]

    private static let raws: [BadInput] = [
        .raw("no HTTP at all", "\u{16}\u{3}\u{1}hello\r\n\r\n", 400),
        .raw("a length that is no number", head("Content-Length: abc"), 400),
        .raw("a negative length", head("Content-Length: -1"), 400),
        .raw("two lengths", head("Content-Length: 1\r\nContent-Length: 2"), 400),
        .raw("a length and chunks", head("Content-Length: 3\r\nTransfer-Encoding: chunked") + "0\r\n\r\n", 400),
        .raw("a chunk that is no chunk", head("Transfer-Encoding: chunked") + "zz\r\n", 400, "malformed-request"),
        .raw("a length of 10 GB", head("Content-Length: 10000000000"), 413, "too-large"),
        .raw("a length that overflows", head("Content-Length: 99999999999999999999"), 400),
        .raw("a header of 64 KiB", head("X-Large: \(String(repeating: "x", count: 65_536))"), 400),
        .raw("1000 headers", head(Array(repeating: "X-Many: 1", count: 1000).joined(separator: "\r\n")), 400),
        .raw(
            "a path of 64 KiB", "GET /\(String(repeating: "a", count: 65_536)) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400
        ),
        .raw("a target of another form", "GET jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ]

    private static func head(_ headers: String) -> String {
        "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            + "Content-Type: application/json\r\n\(headers)\r\n\r\n"
    }
}

extension BadInput {
    fileprivate static func pool(_ description: String, _ body: String, _ status: Int, _ pointer: String) -> BadInput {
        request(
            description, "PUT", "/v1/pools/mail", body, status, status == 400 ? "malformed-json" : "invalid-field",
            .pointer(pointer), needsPool: true)
    }
}
