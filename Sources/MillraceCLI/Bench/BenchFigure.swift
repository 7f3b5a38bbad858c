// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// A measured quantity, one value a run.
struct BenchFigure: Sendable, Equatable {
    /// For people.
    var name: String
    /// For programs; ends with the unit.
    var key: String
    /// `broker` or `path`.
    var part: String
    /// Empty when it could not be measured.
    var values: [Double]
    /// Said in place of values.
    var unknown: String?

    /// The middle one, or the mean of the two in the middle; nil without values.
    var median: Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    static func figures(broker: [BrokerBench.Sample], path: [PathBench.Sample]) -> [BenchFigure] {
        let postgres = path.compactMap(\.postgresMilliseconds)
        return [
            BenchFigure(
                name: "Redis's CPU per job, µs", key: "redis_cpu_us_per_job", part: "broker",
                values: broker.map(\.redisMicrosecondsPerJob)),
            BenchFigure(name: "jobs/s", key: "jobs_per_second", part: "broker", values: broker.map(\.jobsPerSecond)),
            BenchFigure(name: "jobs/s", key: "jobs_per_second", part: "path", values: path.map(\.jobsPerSecond)),
            BenchFigure(
                name: "worker's CPU per 1,000 jobs, ms", key: "worker_cpu_ms_per_1000_jobs", part: "path",
                values: path.map(\.ownMilliseconds)),
            BenchFigure(
                name: "Redis's CPU per 1,000 jobs, ms", key: "redis_cpu_ms_per_1000_jobs", part: "path",
                values: path.map(\.redisMilliseconds)),
            BenchFigure(
                name: "PostgreSQL's CPU per 1,000 jobs, ms", key: "postgres_cpu_ms_per_1000_jobs", part: "path",
                values: postgres.count == path.count ? postgres : [],
                unknown: "PostgreSQL is on another machine, or its processes cannot be seen"),
        ]
    }

    /// Three significant digits below a hundred, whole numbers above.
    static func text(_ value: Double?) -> String {
        guard let value else { return "-" }
        let tenths = Int((value * 10).rounded())
        return value < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(Int(value.rounded()))"
    }
}

extension Listing where Row == BenchFigure {
    static let figures = Listing(
        name: "figures",
        columns: [
            Column("PART") { $0.part },
            Column("FIGURE") { $0.name },
            Column("MEDIAN", isNumber: true) { $0.values.isEmpty ? "unknown" : BenchFigure.text($0.median) },
            Column("MIN", isNumber: true) { BenchFigure.text($0.values.min()) },
            Column("MAX", isNumber: true) { BenchFigure.text($0.values.max()) },
        ], json: { $0.figure($1) })
}

extension JSONWriter {
    mutating func figure(_ figure: BenchFigure) {
        object { json in
            json.member("part", figure.part)
            json.member("figure", figure.key)
            json.member("median", number: figure.median)
            json.member("min", number: figure.values.min())
            json.member("max", number: figure.values.max())
            json.member("unknown", figure.values.isEmpty ? figure.unknown : nil)
        }
    }

    /// Three decimal places; nil is written as `null`.
    private mutating func member(_ name: String, number: Double?) {
        member(name, raw: number.map { Array("\(($0 * 1000).rounded() / 1000)".utf8) })
    }
}
