// SPDX-License-Identifier: Apache-2.0

extension Timestamp {
    /// Reads a time as RFC 3339 writes it, such as `2026-05-04T03:02:01.5Z` or `2026-05-04T05:02:01+02:00`; nil for
    /// anything else. What is finer than a millisecond is dropped.
    package init?(rfc3339 text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
            let second = reader.number(2), let milliseconds = reader.fraction(), let offset = reader.offsetMinutes(),
            reader.isAtEnd
        else { return nil }
        guard 1...12 ~= month, 1...Self.days(in: month, of: year) ~= day, hour < 24, minute < 60, second <= 60 else {
            return nil
        }
        let minutes = (Self.day(year, month, day) * 24 + hour) * 60 + minute - offset
        self.init(unixMilliseconds: Int64((minutes * 60 + second) * 1000 + milliseconds))
    }

    /// In UTC with milliseconds, as RFC 3339 writes it; times outside of the years 0 to 9999 as the nearest one within.
    package var rfc3339: String {
        let milliseconds = Int(min(max(unixMilliseconds, -62_167_219_200_000), 253_402_300_799_999))
        // Rounded down, before 1970 too.
        let day = (milliseconds - (milliseconds < 0 ? 86_399_999 : 0)) / 86_400_000
        let ofDay = milliseconds - day * 86_400_000
        let (year, month, date) = Self.date(ofDay: day)
        return Self.padded(year, 4) + "-" + Self.padded(month, 2) + "-" + Self.padded(date, 2) + "T"
            + Self.padded(ofDay / 3_600_000, 2) + ":" + Self.padded(ofDay / 60_000 % 60, 2) + ":"
            + Self.padded(ofDay / 1000 % 60, 2) + "." + Self.padded(ofDay % 1000, 3) + "Z"
    }

    /// Days since 1970-01-01. Years begin in March here, so that leap days come last; 400 of them have 146,097 days.
    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // One era more keeps all numbers positive, as division rounds towards zero.
        let year = year + 400 - (month <= 2 ? 1 : 0)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468 - 146_097
    }

    /// The way back from `day`.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let day = day + 719_468 + 146_097
        let era = day / 146_097
        let dayOfEra = day % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let isNextYear = month >= 10
        return (
            (era - 1) * 400 + yearOfEra + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ width: Int) -> Int? {
        let digits = rest.prefix(width)
        guard digits.count == width, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        rest = rest.dropFirst(width)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Milliseconds of an optional fraction of a second.
    mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        let digits = rest.prefix(while: { 0x30...0x39 ~= $0 })
        guard 1...18 ~= digits.count else { return nil }
        rest = rest.dropFirst(digits.count)
        return (Array(digits.prefix(3)) + [0x30, 0x30]).prefix(3).reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    mutating func offsetMinutes() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isEast = take("+")
        guard isEast || take("-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }
}
