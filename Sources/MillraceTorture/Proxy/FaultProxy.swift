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
        /// Passes one byte at a time.
        case slice
    }

    let port: UInt16
    private let listener: Int32
    private let serverPort: @Sendable () -> UInt16
    private let namespace: String?
    private let state = Mutex(State())

    private struct State {
        var mode = Mode.pass
        var repliesToCut = 0
        var repliesToTear = 0
        var connections: [ObjectIdentifier: Connection] = [:]
    }

    /// - Parameters:
    ///   - address: of this machine, at which it listens.
    ///   - namespace: the file of the network namespace in which the server is; nil for this one.
    ///   - serverPort: asked for each connection.
    init(
        at address: String = "127.0.0.1", namespace: String? = nil, to serverPort: @escaping @Sendable () -> UInt16
    ) throws {
        self.serverPort = serverPort
        self.namespace = namespace
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
        var address = Self.address(0, at: address)
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

    /// Cuts so many connections, each somewhere in the middle of an answer.
    func tearReplies(_ count: Int) { state.withLock { $0.repliesToTear = count } }

    /// Cuts all connections.
    func cut() {
        for connection in state.withLock({ Array($0.connections.values) }) { connection.cut() }
    }

    private func accept() {
        // What this thread connects to from now on is there; the listener stays where it was made.
        if let namespace { Self.enter(namespace) }
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { return }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            var yes: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            guard let server = Self.connected(to: serverPort()) else {
                close(client)
                continue
            }
            let connection = Connection(client: client, server: server)
            state.withLock { $0.connections[ObjectIdentifier(connection)] = connection }
            Thread.detachNewThread { self.forward(connection, fromClient: true) }
            Thread.detachNewThread { self.forward(connection, fromClient: false) }
        }
    }

    /// A connection to a port of this machine; nil when nobody listens there.
    static func connected(to port: UInt16) -> Int32? {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(server, F_SETFD, FD_CLOEXEC)
        var yes: Int32 = 1
        setsockopt(server, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = address(port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return server }
        close(server)
        return nil
    }

    private func forward(_ connection: Connection, fromClient: Bool) {
        let (from, to) =
            fromClient ? (connection.client, connection.server) : (connection.server, connection.client)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0, waitForLeave(connection) else { break }
            if !fromClient, mustCutReply() { break }
            if !fromClient, count > 1, mustTearReply() {
                _ = Self.sendAll(buffer[..<Int.random(in: 1..<count)], to: to)
                break
            }
            guard send(buffer[..<count], to: to) else { break }
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

    private func mustTearReply() -> Bool {
        state.withLock { state in
            guard state.repliesToTear > 0 else { return false }
            state.repliesToTear -= 1
            return true
        }
    }

    private func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty, state.withLock(\.mode) == .slice {
            guard Self.sendAll(rest.prefix(1), to: descriptor) else { return false }
            rest = rest.dropFirst()
        }
        return Self.sendAll(rest, to: descriptor)
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
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func address(_ port: UInt16, at host: String = "127.0.0.1") -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return address
    }

    /// Moves the calling thread alone. Glibc's module has no `setns`.
    private static func enter(_ namespace: String) {
        typealias SetNamespace = @convention(c) (Int32, Int32) -> Int32
        let file = open(namespace, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let function = dlsym(nil, "setns").map { unsafeBitCast($0, to: SetNamespace.self) }
        precondition(function?(file, 0) == 0, "the namespace was made by this program")
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
