// SPDX-License-Identifier: Apache-2.0

/// A table that leaves columns out where the screen is narrow; its first column takes what room the others leave.
struct TopTable<Row> {
    struct Column {
        let title: String
        let isNumber: Bool
        /// The highest is left out first; 0 never is.
        let rank: Int
        let text: (Row) -> String

        init(_ title: String, isNumber: Bool = false, rank: Int, _ text: @escaping (Row) -> String) {
            self.title = title
            self.isNumber = isNumber
            self.rank = rank
            self.text = text
        }
    }

    private static var gap: Int { 2 }

    let columns: [Column]
    /// Rather leave a column out than have less of the first one.
    var firstWidthMin = 12

    /// The header and a line a row, none wider than `width`.
    func lines(_ rows: [Row], width: Int) -> (header: String, rows: [String]) {
        let cells = rows.map { row in columns.map { EscapedText.withoutControls($0.text(row)) } }
        var widths = columns.indices.map { index in
            max(columns[index].title.count, cells.map { TerminalText.width($0[index]) }.max() ?? 0)
        }
        let wanted = widths[0]
        var kept = Array(columns.indices)
        widths[0] = min(wanted, firstWidthMin)
        while total(kept, widths) > width, let last = kept.max(by: { columns[$0].rank < columns[$1].rank }),
            columns[last].rank > 0
        {
            kept.removeAll { $0 == last }
        }
        widths[0] = max(
            1, min(wanted, width - total(Array(kept.dropFirst()), widths) - (kept.count > 1 ? Self.gap : 0)))

        func line(_ cells: [String]) -> String {
            let texts = kept.map { index in
                TerminalText.padded(cells[index], to: widths[index], isNumber: columns[index].isNumber)
            }
            let line = texts.joined(separator: String(repeating: " ", count: Self.gap))
            return TerminalText.fitted(String(line[...(line.lastIndex { $0 != " " } ?? line.startIndex)]), to: width)
        }
        return (line(columns.map(\.title)), cells.map(line))
    }

    private func total(_ kept: [Int], _ widths: [Int]) -> Int {
        kept.reduce(0) { $0 + widths[$1] } + Self.gap * max(0, kept.count - 1)
    }
}
