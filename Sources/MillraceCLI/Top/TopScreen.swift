// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// What `millrace top` shows: a pure function of a reading, the time and the size of the screen.
///
/// No line is wider and no screen taller than it may be. Queues, processes and jobs share the rows that are there in
/// turn; what does not fit is counted, never silently left out.
struct TopScreen {
    struct Line: Equatable {
        enum Style: Equatable {
            case plain, title, header, remark, alarm
        }

        var text: String
        var style: Style = .plain
    }

    /// nil before the first reading.
    var reading: MillReading?
    var now: Timestamp
    /// Says how to leave.
    var hint: String
    /// Figures older than this are marked.
    var staleAfter: Duration

    func lines(columns: Int, rows: Int) -> [Line] {
        var lines = [Line(text: title(columns), style: .title)]
        if let reading {
            lines.append(Line(text: totals(reading, columns)))
            lines += alarms(reading).map { Line(text: $0, style: .alarm) }
            lines += sections(reading, columns: columns, rows: rows - lines.count)
        } else {
            lines.append(Line(text: "waiting for the stores to answer", style: .remark))
        }
        return lines.prefix(rows).map { Line(text: TerminalText.fitted($0.text, to: columns), style: $0.style) }
    }

    // MARK: - The head

    private func title(_ columns: Int) -> String {
        let name = "\(Program.name) top  \(now.rfc3339.dropFirst(11).prefix(8))Z"
        let gap = columns - name.count - hint.count
        return gap < 2 ? name : name + String(repeating: " ", count: gap) + hint
    }

    private func totals(_ reading: MillReading, _ columns: Int) -> String {
        let rows = reading.queues.map(\.row)
        func sum(_ value: (QueueRow) -> Int) -> String { TopNumber.count(rows.reduce(0) { $0 + value($1) }) }
        func rate(_ value: (RateMeter.Rates) -> Double?) -> String {
            let rates = reading.queues.compactMap { value($0.rates) }
            return TopNumber.rate(rates.isEmpty && !reading.queues.isEmpty ? nil : rates.reduce(0, +))
        }
        let slots = reading.workers.reduce(0) { $0 + $1.concurrency }
        let facts = [
            "\(rate(\.completed)) completed/s", "\(rate(\.dead)) dead/s", "\(sum { $0.status.readyCount }) ready",
            "\(sum { $0.status.running })/\(TopNumber.count(slots)) running",
            "\(sum { $0.status.scheduled }) scheduled",
            "\(sum { $0.finished.deadLastHour }) dead/h", "\(TopNumber.count(rows.unpushed)) unpushed",
        ]
        var line = ""
        for fact in facts {
            let longer = line.isEmpty ? fact : "\(line)  \(fact)"
            if longer.count > columns { break }
            line = longer
        }
        return line
    }

    private func alarms(_ reading: MillReading) -> [String] {
        var alarms = reading.faults.map { fault in
            let age = fault.lastAnswer.map { "figures of \(DurationText.rounded(now - $0)) ago" } ?? "no figures yet"
            return "! \(age): \(fault.message)"
        }
        if now - reading.at > staleAfter {
            alarms.append("! no answer for \(DurationText.rounded(now - reading.at)): all figures are as old")
        }
        // Whoever does not answer says nothing of its workers either.
        guard reading.faults.isEmpty else { return alarms }
        let unpushed = reading.queues.map(\.row).unpushed
        if let room = reading.memory.flatMap({ RoomRemark.text($0, unpushed: unpushed) }) { alarms.append("! \(room)") }
        let unserved = reading.queues.filter(\.row.isUnserved).map(\.row.name)
        if !unserved.isEmpty {
            alarms.append("! no worker process takes jobs from \(unserved.joined(separator: ", "))")
        }
        return alarms
    }

    // MARK: - The sections

    private struct Section {
        var header: String
        var rows: [String]
        /// In place of rows where there are none.
        var nothing: String

        /// A blank line, the header and the rows.
        var height: Int { 2 + max(1, rows.count) }
    }

    private func sections(_ reading: MillReading, columns: Int, rows: Int) -> [Line] {
        var sections = all(reading, columns)
        // Each needs three rows to say anything.
        while sections.count * 3 > rows, sections.count > 1 { sections.removeLast() }
        let heights = Self.share(rows, among: sections.map(\.height))
        return zip(sections, heights).flatMap { Self.lines(of: $0, height: $1) }
    }

    private func all(_ reading: MillReading, _ columns: Int) -> [Section] {
        let queues = TopTable.queues(now: now).lines(Self.busyFirst(reading.queues), width: columns)
        let workers = TopTable.workers(now: now).lines(
            reading.workers.sorted { ($0.pool ?? "", $0.host, $0.pid) < ($1.pool ?? "", $1.host, $1.pid) },
            width: columns)
        let jobs = reading.workers.flatMap { worker in worker.longest.map { TopJob(job: $0, worker: worker) } }
            .sorted { $0.running > $1.running }
        var sections = [
            Section(header: queues.header, rows: queues.rows, nothing: "no queues"),
            Section(header: workers.header, rows: workers.rows, nothing: "no worker process gives word"),
        ]
        if !jobs.isEmpty {
            let table = TopTable.jobs.lines(Array(jobs.prefix(10)), width: columns)
            sections.append(Section(header: table.header, rows: table.rows, nothing: ""))
        }
        return sections
    }

    /// Where not all fit, those in use are the ones to see; by name within each half.
    private static func busyFirst(_ queues: [MillReading.Queue]) -> [MillReading.Queue] {
        func isBusy(_ queue: MillReading.Queue) -> Bool {
            let status = queue.row.status
            return queue.row.isPaused || queue.row.unpushed.count > 0 || status.scheduled > 0 || status.running > 0
                || status.readyCount > 0
        }
        return queues.filter(isBusy) + queues.filter { !isBusy($0) }
    }

    /// Three rows for each, then one more in turn to each that wants it, until none are left.
    private static func share(_ rows: Int, among wanted: [Int]) -> [Int] {
        var given = wanted.map { min($0, 3) }
        var rest = rows - given.reduce(0, +)
        while rest > 0, given != wanted {
            for index in wanted.indices where given[index] < wanted[index] && rest > 0 {
                given[index] += 1
                rest -= 1
            }
        }
        return given
    }

    private static func lines(of section: Section, height: Int) -> [Line] {
        let head = [Line(text: ""), Line(text: section.header, style: .header)]
        if section.rows.isEmpty { return head + [Line(text: section.nothing, style: .remark)] }
        guard section.height > height else { return head + section.rows.map { Line(text: $0) } }
        let shown = max(0, height - 3)
        return head + section.rows.prefix(shown).map { Line(text: $0) }
            + [Line(text: "… \(section.rows.count - shown) more", style: .remark)]
    }
}
