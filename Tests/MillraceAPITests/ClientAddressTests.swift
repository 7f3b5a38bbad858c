// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Testing

@testable import MillraceAPI

@Suite("ClientAddress") struct ClientAddressTests {
    private static func address(_ peer: String, forwarded: [String] = [], proxies: [String] = []) throws
        -> ClientAddress?
    {
        var headers: HTTPFields = [:]
        headers[values: .forwardedFor] = forwarded
        return ClientAddress(
            peer: try SocketAddress(ipAddress: peer, port: 5), headers: headers,
            proxies: proxies.compactMap { APIServer.Network($0) })
    }

    @Test func `it is IPv4's whole address, and the network of IPv6's`() throws {
        #expect(try Self.address("192.0.2.7")?.bytes == [192, 0, 2, 7])
        #expect(try Self.address("::ffff:192.0.2.7")?.bytes == [192, 0, 2, 7])
        #expect(try Self.address("2001:db8:1:2:3:4:5:6")?.bytes == [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2])
    }

    @Test(arguments: ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
    func `a proxy on this machine is believed what it wrote itself`(peer: String) throws {
        let client = ClientAddress("192.0.2.7")

        #expect(try Self.address(peer, forwarded: ["203.0.113.9, 192.0.2.7"]) == client)
        #expect(try Self.address(peer, forwarded: ["192.0.2.8", "203.0.113.9,192.0.2.7"]) == client)
        #expect(try Self.address(peer, forwarded: ["2001:db8::1"])?.bytes.count == 8)
    }

    @Test func `others are not, and what is no address is passed over`() throws {
        let proxy = ClientAddress("127.0.0.1")

        #expect(try Self.address("192.0.2.1", forwarded: ["203.0.113.9"]) == ClientAddress("192.0.2.1"))
        for text in ["unknown", "", "192.0.2.7:80", "999.1.1.1", "example.org"] {
            #expect(try Self.address("127.0.0.1", forwarded: [text]) == proxy)
        }
        #expect(try Self.address("127.0.0.1") == proxy)
    }

    @Test(arguments: [
        ("10.1.2.3", "10.0.0.0/8", true), ("11.1.2.3", "10.0.0.0/8", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.4", "10.1.2.3", false), ("10.1.2.4", "10.1.2.3/31", false), ("10.1.2.2", "10.1.2.3/31", true),
        ("192.0.2.1", "0.0.0.0/0", true), ("2001:db8::1", "2001:db8::/32", true),
        ("2001:db9::1", "2001:db8::/32", false), ("2001:db8::1", "2001:db8::1", true), ("10.1.2.3", "::/0", false),
    ])
    func `so is a proxy of a network that is named`(peer: String, network: String, isBelieved: Bool) throws {
        let client = try Self.address(peer, forwarded: ["203.0.113.9"], proxies: [network])

        #expect((client == ClientAddress("203.0.113.9")) == isBelieved)
    }

    @Test(arguments: [
        "", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/65", "proxy.example.org", "10.0.0.0/8/8",
    ])
    func `what is no network is none`(text: String) {
        #expect(APIServer.Network(text) == nil)
    }

    @Test func `a socket without an internet address has none`() throws {
        #expect(
            ClientAddress(peer: try SocketAddress(unixDomainSocketPath: "/tmp/x"), headers: [:], proxies: []) == nil)
        #expect(ClientAddress(peer: nil, headers: [:], proxies: []) == nil)
    }
}
