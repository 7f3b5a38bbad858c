// SPDX-License-Identifier: Apache-2.0

/// As much of a terminal as the view uses: it places the cursor, clears, and changes screens.
struct TerminalScreen: Sendable {
    static let enter = "\u{1b}[?1049h"
    static let leave = "\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"

    let columns: Int
    let rows: Int
    private(set) var isAlternate = false
    private(set) var isCursorHidden = false
    /// Something was written beyond the last column or row.
    private(set) var hasOverflown = false
    private var cells: [[Character]]
    private var row = 0
    private var column = 0
    private var pending: [UInt8] = []

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
    }

    var lines: [String] {
        cells.map { line in String(line[..<((line.lastIndex { $0 != " " } ?? -1) + 1)]) }
    }

    mutating func feed(_ bytes: [UInt8]) {
        pending += bytes
        // Whole characters and sequences only: the rest comes with the next read.
        while let used = step() { pending.removeFirst(used) }
    }

    /// Takes one character or sequence; nil when there is no whole one.
    private mutating func step() -> Int? {
        guard let first = pending.first else { return nil }
        if first == 0x1B { return escape() }
        if first < 0x20 {
            if first == 0x0D { column = 0 }
            if first == 0x0A { row += 1 }
            return 1
        }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        guard pending.count >= length else { return nil }
        put(Character(String(decoding: pending[..<length], as: UTF8.self)))
        return length
    }

    private mutating func put(_ character: Character) {
        if row < rows, column < columns { cells[row][column] = character } else { hasOverflown = true }
        column += 1
    }

    private mutating func escape() -> Int? {
        guard pending.count > 2, let end = pending.dropFirst(2).firstIndex(where: { $0 >= 0x40 }) else { return nil }
        let parameters = String(decoding: pending[2..<end], as: UTF8.self)
        switch (pending[end], parameters) {
        case (UInt8(ascii: "H"), _):
            let numbers = parameters.split(separator: ";").compactMap { Int($0) }
            (row, column) = ((numbers.first ?? 1) - 1, (numbers.dropFirst().first ?? 1) - 1)
        case (UInt8(ascii: "K"), _): clearLine()
        case (UInt8(ascii: "J"), "2"): for row in cells.indices { clear(row, from: 0) }
        case (UInt8(ascii: "J"), _):
            clearLine()
            for row in cells.indices where row > self.row { clear(row, from: 0) }
        case (UInt8(ascii: "h"), "?1049"): isAlternate = true
        case (UInt8(ascii: "l"), "?1049"): isAlternate = false
        case (UInt8(ascii: "h"), "?25"): isCursorHidden = false
        case (UInt8(ascii: "l"), "?25"): isCursorHidden = true
        default: break
        }
        return end + 1
    }

    private mutating func clearLine() {
        if row < rows { clear(row, from: column) }
    }

    private mutating func clear(_ row: Int, from column: Int) {
        for column in column..<max(column, columns) { cells[row][column] = " " }
    }
}
