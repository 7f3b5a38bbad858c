// SPDX-License-Identifier: Apache-2.0

import Foundation

/// When an API pushed jobs of durability `redis` a second time, since the answer to the first push did not come, which it says in its
/// log: one that had ended by then runs again.
enum PushedAgain {
    /// As far as a process's clock may be wrong, and more.
    private static let clockErrorMicroseconds = 300_000_000

    /// In µs since 1970, by nobody's clock exactly, but no time too early.
    static func times(in logs: URL) throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: logs.path()).flatMap { name in
            let text = String(decoding: try Data(contentsOf: logs.appending(path: name)), as: UTF8.self)
            return text.split(separator: "\n").filter { $0.contains(" info jobs are pushed again") }.compactMap(time)
        }
    }

    private static func time(of line: Substring) -> Int? {
        guard let match = line.firstMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/),
            let date = try? Date("\(match.0)Z", strategy: .iso8601)
        else { return nil }
        return Int(date.timeIntervalSince1970) * 1_000_000 + clockErrorMicroseconds
    }
}
