// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Looks names up on NIO's own threads.
///
/// NIO's default resolver uses a dispatch queue. On Linux those threads are shared with Swift's tasks, so handlers that
/// compute for seconds would hold up a reconnect, and with it the leases.
final class AddressResolver: Resolver, Sendable {
    private let eventLoop: any EventLoop
    private let lookUp = Mutex<EventLoopFuture<Addresses>?>(nil)

    /// Good for one look-up.
    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        addresses(host: host, port: port).map(\.ipv6)
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        addresses(host: host, port: port).map(\.ipv4)
    }

    /// `getaddrinfo` cannot be interrupted; its late answer is ignored.
    func cancelQueries() {}

    /// One call answers both queries.
    private func addresses(host: String, port: Int) -> EventLoopFuture<Addresses> {
        lookUp.withLock { found in
            if let found { return found }
            let new = NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
                try Self.resolve(host: host, port: port)
            }
            found = new
            return new
        }
    }

    private struct Addresses {
        var ipv4: [SocketAddress] = []
        var ipv6: [SocketAddress] = []
    }

    private static func resolve(host: String, port: Int) throws -> Addresses {
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            throw RedisError(.unavailable, "host \(host) not found: \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        var found = Addresses()
        var next = list
        while let info = next {
            if let address = info.pointee.ai_addr.map({ UnsafeRawPointer($0) }) {
                switch info.pointee.ai_family {
                case AF_INET: found.ipv4.append(SocketAddress(address.loadUnaligned(as: sockaddr_in.self), host: host))
                case AF_INET6:
                    found.ipv6.append(SocketAddress(address.loadUnaligned(as: sockaddr_in6.self), host: host))
                default: break
                }
            }
            next = info.pointee.ai_next
        }
        return found
    }
}
