// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A program in Python that a test talks to, with the packages of `scripts/lib/requirements.txt`.
///
/// It says a line of JSON when it is ready, and ends when its standard input does: with this object, or with the tests.
final class PythonServer: Sendable {
    static let folder = ProcessInfo.processInfo.environment["MILLRACE_TEST_PYTHON"]

    private let process: Process
    private let input = Pipe()
    private let output = Pipe()

    /// - Parameter script: lies beside the file that names it.
    init(_ script: String, _ arguments: [String] = [], besides file: String = #filePath) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.folder) + "/bin/python")
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        process.arguments = [folder.appendingPathComponent(script).path] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // Else it would never see the end of its input.
        try output.fileHandleForWriting.close()
        try input.fileHandleForReading.close()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }

    /// The next line that it says, an object of JSON.
    func answer() throws -> [String: Any] {
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte.first != 0x0A { line += byte }
        return try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
    }

    /// Tells it something, as a line of JSON.
    func say(_ members: [String: Any]) throws {
        try input.fileHandleForWriting.write(contentsOf: JSONSerialization.data(withJSONObject: members) + [0x0A])
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPython: Self {
        .enabled(if: PythonServer.folder != nil, "needs MILLRACE_TEST_PYTHON, which scripts/test makes")
    }
}
