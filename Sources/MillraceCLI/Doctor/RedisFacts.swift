// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What matters of a Redis server.
struct RedisFacts: Sendable, Equatable {
    var version: String
    var evictionPolicy: String
    var isAppendOnly: Bool
    var usedBytes: Int
    /// 0 = no limit.
    var bytesMax: Int
    /// Redis's clock less ours.
    var clockOffset: Duration

    /// Reads an INFO reply; nil when it lacks what every Redis says.
    init?(info: String, clockOffset: Duration) {
        let pairs = info.split(whereSeparator: \.isNewline).compactMap { line -> (Substring, Substring)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon], line[line.index(after: colon)...])
        }
        let fields = Dictionary(pairs) { first, _ in first }
        guard let version = fields["redis_version"], let policy = fields["maxmemory_policy"],
            let used = fields["used_memory"].flatMap({ Int($0) })
        else { return nil }
        self.version = String(version)
        evictionPolicy = String(policy)
        isAppendOnly = fields["aof_enabled"] == "1"
        usedBytes = used
        bytesMax = fields["maxmemory"].flatMap { Int($0) } ?? 0
        self.clockOffset = clockOffset
    }

    var findings: [Finding] {
        [versionFinding, policyFinding, memoryFinding, persistenceFinding, .clock("Redis", clockOffset)]
    }

    private var versionFinding: Finding {
        let numbers = version.split(separator: ".").compactMap { Int($0) }
        let isNewEnough = (numbers.first ?? 0, numbers.dropFirst().first ?? 0) >= (6, 2)
        return Finding(
            severity: isNewEnough ? .ok : .fault, part: "redis",
            text: "version \(version)" + (isNewEnough ? "" : ", 6.2 or newer is needed"))
    }

    private var policyFinding: Finding {
        let isKept = evictionPolicy == "noeviction"
        return Finding(
            severity: isKept ? .ok : .fault, part: "redis",
            text: "maxmemory-policy \(evictionPolicy)" + (isKept ? "" : " drops jobs, it must be noeviction"))
    }

    private var memoryFinding: Finding {
        let used = usedBytes / 1_048_576
        guard bytesMax > 0 else {
            return Finding(
                severity: .warning, part: "redis",
                text:
                    "\(used) MiB used, no maxmemory: set it below what the machine has, or the system kills Redis"
            )
        }
        let percent = Int(Double(usedBytes) / Double(bytesMax) * 100)
        let isAbove = BrokerMemory(usedBytes: usedBytes, bytesMax: bytesMax, liveJobs: 0).isAboveMark
        return Finding(
            severity: isAbove ? .warning : .ok, part: "redis",
            text: "\(used) MiB used of \(bytesMax / 1_048_576) MiB (\(percent) %)"
                + (isAbove ? ", above the high-water mark: new jobs stay in PostgreSQL until there is room" : ""))
    }

    private var persistenceFinding: Finding {
        isAppendOnly
            ? Finding(severity: .ok, part: "redis", text: "appendonly yes")
            : Finding(
                severity: .warning, part: "redis",
                text: "appendonly no: no job is lost by a restart, but all that wait are pushed anew from PostgreSQL")
    }
}

extension Finding {
    /// - Parameter offset: the store's clock less ours.
    static func clock(_ store: String, _ offset: Duration) -> Finding {
        let size = offset < .zero ? .zero - offset : offset
        let text =
            "\(store)'s clock is \(DurationText.rounded(size)) \(offset < .zero ? "behind" : "ahead of") this machine's"
        if size >= Limits.idAheadMax {
            let limit = DurationText.rounded(Limits.idAheadMax)
            return Finding(
                severity: .fault, part: "clock", text: "\(text): ids made here are refused beyond \(limit); use NTP")
        }
        return Finding(severity: size < .seconds(2) ? .ok : .warning, part: "clock", text: text)
    }
}
