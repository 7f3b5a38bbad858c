// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a fault needs of the machine beyond processes and files of one's own.
enum Means: String, CaseIterable, Sendable {
    /// Network namespaces, in which packets vanish.
    case network
    /// File systems in memory, whose room can be taken away.
    case smallDisks
    /// A wall clock for each process.
    case clocks
}

/// The means that a plan needs, as far as this machine has them, and why not where it has not.
struct Equipment: Sendable {
    private(set) var network: Network?
    private(set) var clocks: Clocks?
    private(set) var hasSmallDisks = false
    private(set) var missing: [Means: String] = [:]

    init(for plan: [PlannedFault], name: String, folder: URL, root: URL) async {
        let needed = Set(plan.compactMap(\.fault.means))
        do {
            if needed.contains(.network) { network = try await Self.makeNetwork(name, root) }
        } catch {
            missing[.network] = "\(error)"
        }
        do {
            if needed.contains(.smallDisks) { hasSmallDisks = try await Self.canMount(in: folder) }
        } catch {
            missing[.smallDisks] = "\(error)"
        }
        if needed.contains(.clocks) {
            do { clocks = try await Clocks(folder: folder, root: root) } catch { missing[.clocks] = "\(error)" }
        }
    }

    private static func makeNetwork(_ name: String, _ root: URL) async throws -> Network {
        guard geteuid() == 0 else { throw Lack("it takes root to make network namespaces") }
        for command in ["ip", "nft", "nsenter"] {
            guard (try? await shell(["bash", "-c", "command -v \(command)"])) != nil else {
                throw Lack("\(command) is not installed (packages iproute2, nftables, util-linux)")
            }
        }
        return try await Network(name: name, root: root)
    }

    /// Tries it.
    private static func canMount(in folder: URL) async throws -> Bool {
        guard geteuid() == 0 else { throw Lack("it takes root to mount a file system in memory") }
        let trial = "mkdir \"$1\"; mount -t tmpfs -o size=1m millrace-torture \"$1\"; umount \"$1\"; rmdir \"$1\""
        try await shell(["bash", "-euc", trial, "bash", folder.appending(path: "trial").path()])
        return true
    }

    func allows(_ fault: Fault) -> Bool { fault.means.map { missing[$0] == nil } ?? true }

    private struct Lack: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
