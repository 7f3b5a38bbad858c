// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore
import NIOPosix

/// A small HTTP/1.1 client: one connection, the very bytes that it is given.
struct HTTPClient: Sendable {
    var host = "127.0.0.1"
    let port: Int
    /// Sent along with each request that says nothing of it; nil for none.
    var key: String?

    /// Sends one request on a connection of its own.
    func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], _ body: [UInt8]? = nil
    ) async throws -> Reply {
        try await send(raw: request(method, path, headers, body), isHead: method == "HEAD")
    }

    func send(json: String, to path: String = "/v1/jobs", _ headers: [(String, String)] = []) async throws -> Reply {
        try await send("POST", path, [("Content-Type", "application/json")] + headers, Array(json.utf8))
    }

    func send(raw bytes: [UInt8], isHead: Bool = false) async throws -> Reply {
        try await withConnection { connection in
            try await connection.write(bytes)
            return try await connection.readReply(isHead: isHead)
        }
    }

    /// The bytes of a request; `Host`, the key and `Content-Length` are added where they are missing.
    func request(_ method: String, _ path: String, _ headers: [(String, String)], _ body: [UInt8]?) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\n"
        let names = Set(headers.map { $0.0.lowercased() })
        if !names.contains("host") { head += "Host: \(host):\(port)\r\n" }
        if let key, !names.contains("authorization") { head += "Authorization: Bearer \(key)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body, !names.contains("content-length"), !names.contains("transfer-encoding") {
            head += "Content-Length: \(body.count)\r\n"
        }
        return Array((head + "\r\n").utf8) + (body ?? [])
    }

    func withConnection<Value: Sendable>(
        _ use: (inout Connection) async throws -> Value
    ) async throws -> Value {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            isOutboundHalfClosureEnabled: true, inboundType: ByteBuffer.self,
                            outboundType: ByteBuffer.self))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = Connection(iterator: inbound.makeAsyncIterator(), outbound: outbound)
            return try await use(&connection)
        }
    }

    struct Connection {
        fileprivate var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        private var received: [UInt8] = []

        fileprivate init(
            iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
            outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        ) {
            self.iterator = iterator
            self.outbound = outbound
        }

        func write(_ bytes: [UInt8]) async throws {
            try await outbound.write(ByteBuffer(bytes: bytes))
        }

        /// Tells the server that nothing more comes.
        func finish() {
            outbound.finish()
        }

        /// The next reply, those before it that only inform included in `informational`.
        mutating func readReply(isHead: Bool = false) async throws -> Reply {
            var informational: [Int] = []
            while true {
                let end = Array("\r\n\r\n".utf8)
                guard let headEnd = received.firstRange(of: end) else {
                    try await receive()
                    continue
                }
                let lines = String(decoding: received[..<headEnd.lowerBound], as: UTF8.self).split(separator: "\r\n")
                received.removeSubrange(..<headEnd.upperBound)
                guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
                    throw ClientError.malformedReply
                }
                if status < 200 {
                    informational.append(status)
                    continue
                }
                let headers = Dictionary(
                    lines.dropFirst().map { line in
                        let name = line.prefix { $0 != ":" }
                        return (name.lowercased(), String(line.dropFirst(name.count + 1)).trimmingSpace)
                    }
                ) { first, _ in first }
                let length = isHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
                while received.count < length { try await receive() }
                let body = Array(received.prefix(length))
                received.removeFirst(length)
                return Reply(status: status, headers: headers, body: body, informational: informational)
            }
        }

        /// Whether the server has closed its side, once all has been read.
        mutating func isClosedByServer() async throws -> Bool {
            do {
                while try await iterator.next(isolation: #isolation) != nil {}
                return true
            } catch is IOError {
                return true
            }
        }

        private mutating func receive() async throws {
            guard let bytes = try await iterator.next(isolation: #isolation) else { throw ClientError.closed }
            received += Array(bytes.readableBytesView)
        }
    }
}

enum ClientError: Error {
    case closed, malformedReply
}

extension String {
    fileprivate var trimmingSpace: String { String(drop { $0 == " " }) }
}

/// A server's answer.
struct Reply: Sendable {
    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    let body: [UInt8]
    let informational: [Int]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// nil when the body is not JSON.
    var json: Value? {
        (try? JSONText(checking: body, nestingMax: 128)).map { Value(text: $0, value: $0.root) }
    }

    /// A value of the body: members by name, elements by index.
    struct Value: Sendable {
        let text: JSONText
        let value: JSONValue

        subscript(name: String) -> Value? {
            text.members(of: value).first { $0.name == name }.map { Value(text: text, value: $0.value) }
        }

        var elements: [Value] { text.elements(of: value).map { Value(text: text, value: $0) } }
        var string: String? { text.string(value) }
        var int: Int? { text.integer(value) }
        var raw: String { String(decoding: text.raw(value), as: UTF8.self) }
    }
}
