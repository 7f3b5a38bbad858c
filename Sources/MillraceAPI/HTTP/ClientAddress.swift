// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a request comes from, for limits that count by address.
///
/// A proxy on this machine or in a network that the configuration names is believed: the last entry of `X-Forwarded-For` is the
/// one that it wrote itself. From elsewhere the header could say anything, and does not count.
package struct ClientAddress: Hashable, Sendable {
    /// The four bytes of IPv4; of IPv6 the first eight, as whoever has one address has all that share them.
    package let bytes: [UInt8]
    private let isLoopback: Bool

    /// nil for a connection that has no internet address.
    init?(of channel: any Channel, headers: HTTPFields, proxies: [APIServer.Network]) {
        self.init(peer: channel.remoteAddress, headers: headers, proxies: proxies)
    }

    init?(peer: SocketAddress?, headers: HTTPFields, proxies: [APIServer.Network]) {
        // Without the interface that a link-local address names.
        guard let text = peer?.ipAddress?.prefix(while: { $0 != "%" }), let peer = ClientAddress(String(text)) else {
            return nil
        }
        let isProxy = peer.isLoopback || proxies.contains { $0.contains(peer) }
        self = isProxy ? Self.forwarded(headers) ?? peer : peer
    }

    /// nil for what is no IP address in its usual form.
    package init?(_ text: String) {
        var (v4, v6) = ([UInt8](repeating: 0, count: 4), [UInt8](repeating: 0, count: 16))
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4: v4)
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            if v6.starts(with: Self.mappedPrefix) {
                self.init(v4: Array(v6.dropFirst(Self.mappedPrefix.count)))
            } else {
                let isLoopback = v6 == Array(repeating: 0, count: 15) + [1]
                self.init(bytes: Array(v6.prefix(8)), isLoopback: isLoopback)
            }
        } else {
            return nil
        }
    }

    private init(v4 bytes: [UInt8]) {
        self.init(bytes: bytes, isLoopback: bytes.first == 127)
    }

    private init(bytes: [UInt8], isLoopback: Bool) {
        self.bytes = bytes
        self.isLoopback = isLoopback
    }

    /// Of IPv4 addresses within IPv6.
    private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]

    private static func forwarded(_ headers: HTTPFields) -> ClientAddress? {
        let last = headers[values: .forwardedFor].last?.split(separator: ",").last
        return last.flatMap { ClientAddress($0.filter { $0 != " " && $0 != "\t" }) }
    }
}
