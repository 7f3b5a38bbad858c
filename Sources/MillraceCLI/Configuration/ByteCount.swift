// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `512MiB`, `2GiB`.
struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    static let mebibyte = 1 << 20
    private static let gibibyte = 1 << 30

    let bytes: Int

    init(bytes: Int) {
        self.bytes = bytes
    }

    /// nil for anything but a whole number of `MiB` or `GiB`.
    init?(_ text: String) {
        for (unit, size) in [("MiB", Self.mebibyte), ("GiB", Self.gibibyte)] where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits) else {
                return nil
            }
            let (bytes, overflow) = number.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            self.init(bytes: bytes)
            return
        }
        return nil
    }

    static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    var description: String {
        bytes % Self.gibibyte == 0 ? "\(bytes / Self.gibibyte) GiB" : "\(bytes / Self.mebibyte) MiB"
    }
}
