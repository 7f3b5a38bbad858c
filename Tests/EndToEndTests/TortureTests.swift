// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Torture", .serialized) struct TortureTests {
    @Test(.timeLimit(.minutes(10)))
    func `fifty thousand jobs are recorded once while processes are killed, Redis is wiped and connections are cut`()
        async throws
    {
        let (code, log) = try await Self.torture(["--jobs", "50000", "--kills", "30", "--wipes", "2", "--faults", "12"])

        #expect(code == 0, "\(log)")
        #expect(log.contains("lost 0, recorded twice 0"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `all that it starts ends with it, even by a kill`() async throws {
        let torture = try Self.start(["--only", "none", "--keep"])
        let isUnderWay = await eventually(within: .seconds(60)) {
            Self.folder(in: torture.log).map(Self.processes)?.count ?? 0 > 6
        }
        #expect(isUnderWay, "\(torture.log)")

        torture.signal(SIGKILL)

        let folder = try #require(Self.folder(in: torture.log))
        let haveEnded = await eventually(within: .seconds(30)) { Self.processes(in: folder).isEmpty }
        #expect(haveEnded, "\(Self.processes(in: folder))")
        try FileManager.default.removeItem(atPath: folder)
    }

    private static func start(_ arguments: [String]) throws -> Child {
        try Child(
            "torture", Repository.torture, ["torture", "--root", Repository.root.path()] + arguments, environment: [:],
            logFolder: FileManager.default.temporaryDirectory)
    }

    /// Its exit code, and what it said.
    private static func torture(_ arguments: [String]) async throws -> (code: Int32?, log: String) {
        let child = try start(arguments)
        defer { try? FileManager.default.removeItem(at: child.logFile) }
        let code = await child.exitCode(within: 560)
        return (code, child.log)
    }

    private static func folder(in log: String) -> String? {
        log.firstMatch(of: /everything is kept in (\S+?)\/?\n/).map { String($0.1) }
    }

    /// Those that work in a folder.
    private static func processes(in folder: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { process in
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")
            return path.map { $0 == folder || $0.hasPrefix(folder + "/") } ?? false
        }
    }
}
