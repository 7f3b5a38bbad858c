// SPDX-License-Identifier: Apache-2.0

/// Guesses which of the known names was meant.
enum NearestName {
    /// "did you mean …?" where a name is close, else the list of them.
    static func advice(for name: String, among known: [String]) -> String {
        if let nearest = nearest(to: name, among: known) { return "did you mean \(nearest)?" }
        return known.count <= 20 ? "known are \(known.joined(separator: ", "))" : "\(known.count) others are known"
    }

    /// The closest name by Levenshtein's distance, when at most a third of the letters differ.
    static func nearest(to name: String, among known: [String]) -> String? {
        let name = Array(name.utf8.prefix(64))
        let nearest = known.map { ($0, distance(name, Array($0.utf8))) }.min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= max(1, nearest.0.utf8.count / 3) else { return nil }
        return nearest.0
    }

    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let substitution = diagonal + (byte == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substitution, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
