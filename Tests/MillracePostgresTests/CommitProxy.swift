// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

/// Stands between a client and a PostgreSQL server, and can cut a connection when a `COMMIT` was sent: before the
/// server gets it, or when it has answered.
final class CommitProxy: Sendable {
    enum Cut: Sendable {
        case beforeCommit, afterCommit
    }

    let port: UInt16
    private let listener: Int32
    private let serverPort: UInt16
    private let cut = Mutex<Cut?>(nil)

    init(serverPort: UInt16) throws {
        self.serverPort = serverPort
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(isListening)
        Thread.detachNewThread { self.accept() }
    }

    /// Cuts the connection of the next commit.
    func cutNextCommit(_ moment: Cut) { cut.withLock { $0 = moment } }

    var hasCut: Bool { cut.withLock { $0 == nil } }

    func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { return }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.address(serverPort)
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else {
                Foundation.close(client)
                continue
            }
            let connection = Connection()
            Thread.detachNewThread { self.forwardRequests(client, server, connection) }
            Thread.detachNewThread { self.forwardAnswers(server, client, connection) }
        }
    }

    private final class Connection: Sendable {
        let mustCutAnswer = Atomic(false)
    }

    /// A simple query of `COMMIT` comes in one piece, as nothing else is sent with it.
    private func forwardRequests(_ client: Int32, _ server: Int32, _ connection: Connection) {
        let commit: [UInt8] = [UInt8(ascii: "Q"), 0, 0, 0, 11] + Array("COMMIT".utf8) + [0]
        Self.forward(client, server) { bytes in
            guard bytes.elementsEqual(commit) else { return true }
            let moment = cut.withLock { cut in
                defer { cut = nil }
                return cut
            }
            switch moment {
            case .beforeCommit: return false
            case .afterCommit: connection.mustCutAnswer.store(true, ordering: .sequentiallyConsistent)
            case nil: break
            }
            return true
        }
    }

    private func forwardAnswers(_ server: Int32, _ client: Int32, _ connection: Connection) {
        Self.forward(server, client) { _ in !connection.mustCutAnswer.load(ordering: .sequentiallyConsistent) }
    }

    private static func forward(_ from: Int32, _ to: Int32, _ mayPass: (ArraySlice<UInt8>) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0, mayPass(buffer[..<count]) else { break }
            var sent = 0
            while sent < count {
                let written = buffer[sent..<count].withUnsafeBytes {
                    send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { break }
                sent += written
            }
        }
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
