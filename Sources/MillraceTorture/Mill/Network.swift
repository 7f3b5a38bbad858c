// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Network namespaces for the processes of the mill. Packets between them and the proxies to the stores can vanish, in one
/// direction or both, as in a network that broke: nobody is told, connections stay open, and new ones are not refused.
struct Network: Sendable {
    enum Site: String, CaseIterable, Sendable {
        case api
        case work
    }

    enum Direction: String, CaseIterable, Sendable {
        case requests
        case replies
        case both
    }

    /// Where the sites find the torture's proxies.
    let address: String
    private let name: String
    private let library: String

    /// - Parameter name: the undertaker removes what has it.
    init(name: String, root: URL) async throws {
        self.name = name
        library = root.appending(path: "scripts/lib/network.sh").path()
        let sites = Site.allCases.map(\.rawValue)
        address = try await Self.call(library, ["network_open", name] + sites)
    }

    func drop(_ direction: Direction, of site: Site, to ports: [UInt16]) async throws {
        let ports = ports.map { "\($0)" }
        _ = try await Self.call(library, ["network_drop", name, site.rawValue, direction.rawValue] + ports)
    }

    func pass(_ site: Site) async throws {
        _ = try await Self.call(library, ["network_pass", name, site.rawValue])
    }

    /// Where the kernel keeps a site's namespace.
    func file(of site: Site) -> String { "/run/netns/\(name)-\(site.rawValue)" }

    /// What to put before a command that is to run there; it becomes that command, with the same process id.
    func entrance(to site: Site) -> [String] { ["nsenter", "--net=\(file(of: site))"] }

    private static func call(_ library: String, _ arguments: [String]) async throws -> String {
        try await shell(["bash", "-euc", ". \"$0\"; \"$@\"", library] + arguments)
    }
}
