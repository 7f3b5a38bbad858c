// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Millrace
import NIOCore
import NIOHTTPTypes
import Synchronization

/// Reads a request's body, within bounds of its own and of all requests together.
struct BodyReader: Sendable {
    private let request: Request
    private let channel: any Channel
    private let budget: BodyBudget

    init(_ request: Request, channel: any Channel, budget: BodyBudget) {
        self.request = request
        self.channel = channel
        self.budget = budget
    }

    /// Hands the body to `use`; its bytes count against the budget until that returns.
    func withBytes<Value: Sendable>(
        upTo limit: Int, _ use: ([UInt8]) async throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        var taken = 0
        defer { budget.giveBack(taken) }
        let bytes = try await collect(upTo: limit, taken: &taken)
        return try await use(bytes)
    }

    /// For requests that say all in their path: what comes as a body must be empty or `{}`.
    func expectNone() async throws(Problem) {
        try await withBytes(upTo: 1024) { (bytes) throws(Problem) in
            let text = bytes.filter { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
            guard text.isEmpty || text == Array("{}".utf8) else {
                throw Problem(.invalidField, Faults(Fault("", "this request takes no body")))
            }
        }
    }

    private func collect(upTo limit: Int, taken: inout Int) async throws(Problem) -> [UInt8] {
        if let coding = request.headers[.contentEncoding], coding.lowercased() != "identity" {
            throw closing(
                Problem(.unsupportedMediaType, "the Content-Encoding is \(coding.quoted); send the body as it is"))
        }
        let declared = request.headers[.contentLength].flatMap(Int.init)
        if let declared, declared > limit { throw tooLarge(limit, seen: "\(declared)") }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
        }
        var bytes: [UInt8] = []
        do {
            for try await chunk in request.body {
                guard bytes.count + chunk.readableBytes <= limit else { throw tooLarge(limit, seen: "more") }
                guard budget.take(chunk.readableBytes) else {
                    throw closing(.overloaded("the requests under way already hold \(budget.limit) bytes"))
                }
                taken += chunk.readableBytes
                if bytes.isEmpty, let declared { bytes.reserveCapacity(declared) }
                bytes.append(contentsOf: chunk.readableBytesView)
            }
        } catch let problem as Problem {
            throw problem
        } catch is ConnectionGuard.BodyTooSlow {
            throw closing(Problem(.tooSlow, "the body did not arrive in time"))
        } catch {
            throw closing(Problem(.malformedRequest, "the body breaks the rules of HTTP/1.1"))
        }
        guard declared == nil || declared == bytes.count else {
            throw closing(Problem(.malformedRequest, "the body ends before its Content-Length"))
        }
        return bytes
    }

    private func tooLarge(_ limit: Int, seen: String) -> Problem {
        closing(Problem(.tooLarge, "the body has \(seen) bytes, at most \(limit) are taken"))
    }

    private func closing(_ problem: Problem) -> Problem {
        var problem = problem
        problem.closesConnection = true
        return problem
    }
}

/// How many bytes of bodies may be in memory at the same time.
final class BodyBudget: Sendable {
    let limit: Int
    private let used = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard used + bytes <= limit else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) {
        used.withLock { $0 -= bytes }
    }
}
