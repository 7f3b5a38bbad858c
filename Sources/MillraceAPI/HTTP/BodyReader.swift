// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import HummingbirdCore
import Millrace
package import NIOCore
import Synchronization

/// Reads a request's body, within bounds of its own and of all requests together.
package struct BodyReader: Sendable {
    private let body: RequestBody
    private let headers: HTTPFields
    private let budget: BodyBudget
    private let connection: ConnectionGuard.Remote?

    init(_ body: RequestBody, headers: HTTPFields, budget: BodyBudget, connection: ConnectionGuard.Remote) {
        self.body = body
        self.headers = headers
        self.budget = budget
        self.connection = connection
    }

    /// A body that comes from no connection, for tests.
    package init(_ body: RequestBody, headers: HTTPFields) {
        self.body = body
        self.headers = headers
        budget = BodyBudget(limit: .max)
        connection = nil
    }

    /// Nothing of it was sent, or will be.
    package var isEmpty: Bool {
        headers[.transferEncoding] == nil && (headers[.contentLength] ?? "0") == "0"
    }

    /// To read it and drop it is less work for all than a new connection.
    var isWorthDropping: Bool {
        isEmpty || (headers[.expect] == nil && declaredLength.map { $0 <= APILimits.refusedBodyBytesMax } ?? false)
    }

    /// The header `Content-Length`; nil when there is none, as with a body in chunks.
    package var declaredLength: Int? { headers[.contentLength].flatMap(Int.init) }

    /// Hands the body to `use`; its bytes count against the budget until that returns.
    package func withBytes<Value: Sendable>(
        upTo limit: Int, _ use: ([UInt8]) async throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        var taken = 0
        defer { budget.giveBack(taken) }
        let bytes = try await collect(upTo: limit, taken: &taken)
        return try await use(bytes)
    }

    /// Hands the body to `use` piece by piece, for those that never hold the whole of it: it does not count against the
    /// budget, and may take longer than others as long as it keeps coming.
    /// - Returns: its length in bytes.
    package func eachPiece(
        upTo limit: Int, _ use: (ByteBuffer) async throws(Problem) -> Void
    ) async throws(Problem) -> Int {
        await connection?.expectLongBody()
        return try await read(upTo: limit, use)
    }

    /// For requests that say all in their path: what comes as a body must be empty or `{}`.
    package func expectNone() async throws(Problem) {
        try await withBytes(upTo: 1024) { (bytes) throws(Problem) in
            let text = bytes.filter { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
            guard text.isEmpty || text == Array("{}".utf8) else {
                throw Problem(.invalidField, Faults(Fault("", "this request takes no body")))
            }
        }
    }

    private func collect(upTo limit: Int, taken: inout Int) async throws(Problem) -> [UInt8] {
        var bytes: [UInt8] = []
        _ = try await read(upTo: limit) { (piece) throws(Problem) in
            guard budget.take(piece.readableBytes) else {
                throw .overloaded("the requests under way already hold \(budget.limit) bytes")
            }
            taken += piece.readableBytes
            if bytes.isEmpty, let declaredLength { bytes.reserveCapacity(declaredLength) }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    private func read(
        upTo limit: Int, _ use: (ByteBuffer) async throws(Problem) -> Void
    ) async throws(Problem) -> Int {
        if let coding = headers[.contentEncoding], coding.lowercased() != "identity" {
            throw Problem(.unsupportedMediaType, "the Content-Encoding is \(coding.quoted); send the body as it is")
                .closing
        }
        if let declaredLength, declaredLength > limit { throw .tooLarge(limit, seen: "\(declaredLength)") }
        if headers[.expect]?.lowercased() == "100-continue" { connection?.continueBody() }
        var count = 0
        do {
            for try await piece in body {
                count += piece.readableBytes
                guard count <= limit else { throw Problem.tooLarge(limit, seen: "more") }
                try await use(piece)
            }
        } catch let problem as Problem {
            throw problem.closing
        } catch is ConnectionGuard.BodyTooSlow {
            throw Problem(.tooSlow, "the body did not arrive in time").closing
        } catch {
            throw Problem(.malformedRequest, "the body breaks off, or breaks the rules of HTTP/1.1").closing
        }
        guard declaredLength == nil || declaredLength == count else {
            throw Problem(.malformedRequest, "the body ends before its Content-Length").closing
        }
        return count
    }
}

extension Problem {
    fileprivate static func tooLarge(_ limit: Int, seen: String) -> Problem {
        Problem(.tooLarge, "the body has \(seen) bytes, at most \(limit) are taken").closing
    }

    /// As the answer to a request whose body has not been read to its end.
    package var closing: Problem {
        var problem = self
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
            guard bytes <= limit - used else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) {
        used.withLock { $0 -= bytes }
    }
}
