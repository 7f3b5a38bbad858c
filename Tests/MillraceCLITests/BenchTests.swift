// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

@Suite("Bench")
struct BenchTests {
    private func figure(_ values: [Double]) -> BenchFigure {
        BenchFigure(name: "a", key: "a", part: "broker", values: values)
    }

    @Test(arguments: [([3, 1, 2], 2), ([4, 1, 2, 3], 2.5), ([7], 7)] as [([Double], Double)])
    func `the median is the middle one`(values: [Double], median: Double) {
        #expect(figure(values).median == median)
    }

    @Test func `nothing measured has no median`() {
        #expect(figure([]).median == nil)
    }

    @Test(arguments: [(nil, "-"), (0.04 as Double?, "0.0"), (8.96, "9.0"), (99.9, "99.9"), (1234.5, "1235")])
    func `figures are short`(value: Double?, expected: String) {
        #expect(BenchFigure.text(value) == expected)
    }

    @Test func `what PostgreSQL used is unknown as soon as one run does not tell`() {
        let path = [1.0, nil].map {
            PathBench.Sample(jobsPerSecond: 1, ownMilliseconds: 1, redisMilliseconds: 1, postgresMilliseconds: $0)
        }

        let figure = BenchFigure.figures(broker: [], path: path).last

        #expect(figure?.values == [])
        #expect(figure?.unknown?.hasPrefix("PostgreSQL is on another machine") == true)
    }

    @Test func `Redis's CPU is that of all its threads`() {
        let info =
            "# CPU\r\nused_cpu_sys:1.500\r\nused_cpu_user:2.250\r\nused_cpu_sys_children:9\r\n"
            + "used_cpu_sys_main_thread:1.0\r\n"

        #expect(BenchMeter.redisSeconds(info: info) == 3.75)
        #expect(BenchMeter.redisSeconds(info: "# CPU\r\nused_cpu_sys:1\r\n") == nil)
    }

    @Test func `a process's times are found behind whatever name it has`() {
        let line = "42 (post) gres (x) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7"

        let status = ProcessTimes.Status(line)

        #expect(status?.parent == 7)
        #expect(status?.name == "post) gres (x")
        #expect(status?.ticks == 30)
        #expect(status?.childTicks == 70)
        #expect(ProcessTimes.Status("42 (cut) S 7") == nil)
    }

    @Test func `a payload is JSON of just that size`() {
        #expect(BenchPlan(payloadBytes: 2).payload == Array("\"\"".utf8))
        #expect(BenchPlan().payload.count == 150)
        #expect(BenchPlan(jobs: 250, batch: 100).batches == [0..<100, 100..<200, 200..<250])
    }
}
