// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Stands between the mill and a server, and does what networks do: delays, black holes, cut connections, and the cut that
/// matters most, after the request was served and before its reply.
final class FaultProxy: Sendable {
    enum Mode: Sendable, Equatable {
        case pass
        case delay(milliseconds: Int)
        /// Takes everything and passes nothing on.
        case hold
    }

    let port: UInt16
    private let listener: Int32
    private let serverPort: @Sendable () -> UInt16
    private let state = Mutex(State())

    private struct State {
        var mode = Mode.pass
        var repliesToCut = 0
        var connections: [ObjectIdentifier: Connection] = [:]
    }

    /// - Parameter serverPort: asked for each connection.
    init(to serverPort: @escaping @Sendable () -> UInt16) throws {
        self.serverPort = serverPort
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 256) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isListening else { throw CommandFailure(command: "listen", status: errno) }
        Thread.detachNewThread { self.accept() }
    }

    func set(_ mode: Mode) { state.withLock { $0.mode = mode } }

    /// Cuts so many connections, each when the server has answered and the client does not know yet.
    func cutReplies(_ count: Int) { state.withLock { $0.repliesToCut = count } }

    /// Cuts all connections.
    func cut() {
        for connection in state.withLock({ Array($0.connections.values) }) { connection.cut() }
    }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { return }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            for descriptor in [client, server] {
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                var yes: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            }
            var address = Self.address(serverPort())
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else {
                close(client)
                close(server)
                continue
            }
            let connection = Connection(client: client, server: server)
            state.withLock { $0.connections[ObjectIdentifier(connection)] = connection }
            Thread.detachNewThread { self.forward(connection, fromClient: true) }
            Thread.detachNewThread { self.forward(connection, fromClient: false) }
        }
    }

    private func forward(_ connection: Connection, fromClient: Bool) {
        let (from, to) =
            fromClient ? (connection.client, connection.server) : (connection.server, connection.client)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0, waitForLeave(connection) else { break }
            if !fromClient, mustCutReply() { break }
            guard Self.sendAll(buffer[..<count], to: to) else { break }
        }
        connection.cut()
        guard connection.endOneDirection() else { return }
        _ = state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
        connection.close()
    }

    private func mustCutReply() -> Bool {
        state.withLock { state in
            guard state.repliesToCut > 0 else { return false }
            state.repliesToCut -= 1
            return true
        }
    }

    /// Returns when the bytes may go on; false when the connection was cut meanwhile.
    private func waitForLeave(_ connection: Connection) -> Bool {
        let nothing = DispatchSemaphore(value: 0)
        if case .delay(let milliseconds) = state.withLock(\.mode) {
            _ = nothing.wait(timeout: .now() + .milliseconds(milliseconds))
        }
        while state.withLock(\.mode) == .hold, !connection.isCut {
            _ = nothing.wait(timeout: .now() + .milliseconds(50))
        }
        return !connection.isCut
    }

    private static func sendAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var sent = bytes.startIndex
        while sent < bytes.endIndex {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

extension FaultProxy {
    /// Both ends of it are closed when both threads are done with them, so that no number is used again too early.
    fileprivate final class Connection: Sendable {
        let client: Int32
        let server: Int32
        private let state = Mutex((isCut: false, directions: 2))

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        var isCut: Bool { state.withLock(\.isCut) }

        func cut() {
            state.withLock { state in
                guard !state.isCut else { return }
                state.isCut = true
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(server, Int32(SHUT_RDWR))
            }
        }

        /// Whether it was the last one.
        func endOneDirection() -> Bool {
            state.withLock { state in
                state.directions -= 1
                return state.directions == 0
            }
        }

        func close() {
            Foundation.close(client)
            Foundation.close(server)
        }
    }
}
