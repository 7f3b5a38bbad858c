// SPDX-License-Identifier: Apache-2.0

import Millrace

/// How rows of one type are shown: as a table for people, as JSON for programs.
struct Listing<Row: Sendable>: Sendable {
    struct Column: Sendable {
        let title: String
        let isNumber: Bool
        let lines: @Sendable (Row) -> [String]

        init(_ title: String, isNumber: Bool = false, _ text: @escaping @Sendable (Row) -> String) {
            self.title = title
            self.isNumber = isNumber
            lines = { [text($0)] }
        }

        /// What takes several lines where one row is shown as a list of facts.
        init(_ title: String, lines: @escaping @Sendable (Row) -> [String]) {
            self.title = title
            isNumber = false
            self.lines = lines
        }

        func text(_ row: Row) -> String { lines(row).joined(separator: "; ") }
    }

    /// The plural, which is also the name of the member in JSON.
    let name: String
    let columns: [Column]
    let json: @Sendable (inout JSONWriter, Row) -> Void

    /// - Parameter next: where the next page begins.
    func show(_ rows: [Row], next: String?, as output: OutputFormat, on console: Console) throws(CommandError) {
        switch output {
        case .table:
            if rows.isEmpty {
                console.note("no \(name)")
            } else {
                try console.write(table(rows, usesColor: console.usesColor))
            }
            if let next { console.note("more with --cursor \(next)") }
        case .json:
            var writer = JSONWriter()
            writer.object { writer in
                writer.member(name) { $0.array(rows, json) }
                writer.member("next", next)
            }
            try console.write(String(decoding: writer.bytes, as: UTF8.self) + "\n")
        case .jsonl:
            for row in rows {
                var writer = JSONWriter()
                json(&writer, row)
                try console.write(writer.line)
            }
            if let next { console.note("more with --cursor \(next)") }
        }
    }

    /// One row as a list of facts.
    func show(one row: Row, as output: OutputFormat, on console: Console) throws(CommandError) {
        guard output == .table else {
            var writer = JSONWriter()
            json(&writer, row)
            return try console.write(writer.line)
        }
        let width = columns.map(\.title.count).max() ?? 0
        for column in columns {
            for (index, line) in column.lines(row).enumerated() {
                let title = index == 0 ? column.title : ""
                let padding = String(repeating: " ", count: width - title.count)
                try console.write("\(title)\(padding)  \(EscapedText.withoutControls(line))\n")
            }
        }
    }

    private func table(_ rows: [Row], usesColor: Bool) -> String {
        let cells = rows.map { row in columns.map { EscapedText.withoutControls($0.text(row)) } }
        let widths = columns.indices.map { index in
            max(columns[index].title.count, cells.map { $0[index].count }.max() ?? 0)
        }
        func line(_ cells: [String]) -> String {
            let padded = columns.indices.map { index in
                let padding = String(repeating: " ", count: widths[index] - cells[index].count)
                return columns[index].isNumber ? padding + cells[index] : cells[index] + padding
            }
            let line = padded.joined(separator: "  ")
            return String(line[...(line.lastIndex { $0 != " " } ?? line.startIndex)])
        }
        let header = line(columns.map(\.title))
        let head = usesColor ? "\u{1b}[1m\(header)\u{1b}[0m" : header
        return ([head] + cells.map(line)).map { $0 + "\n" }.joined()
    }
}

/// How results are written.
enum OutputFormat: String, Sendable, CaseIterable {
    /// Aligned columns for people; they may change with any release.
    case table
    /// One JSON text.
    case json
    /// One JSON text a line.
    case jsonl
}

extension JSONWriter {
    /// What was written, on a line of its own: line breaks can only be between JSON's tokens, where a blank does as
    /// well.
    var line: String {
        let bytes = bytes.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 }
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }
}
