// SPDX-License-Identifier: Apache-2.0

import Foundation

extension String {
    /// Whether the text stands here as a word of its own: what comes before and after it is no part of a name.
    ///
    /// An end that is no part of a name itself, like the parenthesis of a call, has no such neighbour to mind.
    func contains(word: String) -> Bool {
        var rest = self[...]
        while let found = rest.range(of: word) {
            let isCutBefore = word.first?.isPartOfName == true && self[..<found.lowerBound].last?.isPartOfName == true
            let isCutAfter = word.last?.isPartOfName == true && self[found.upperBound...].first?.isPartOfName == true
            if !isCutBefore, !isCutAfter { return true }
            rest = self[index(after: found.lowerBound)...]
        }
        return false
    }

    /// As `contains(word:)`, but a member of that name, as in `output.print(`, does not count.
    func calls(_ function: String) -> Bool {
        var rest = self[...]
        while let found = rest.range(of: function) {
            let before = self[..<found.lowerBound].last
            if before != ".", before?.isPartOfName != true { return true }
            rest = self[index(after: found.lowerBound)...]
        }
        return false
    }

    /// The first run of letters, digits and underscores.
    var firstName: String { String(drop { !$0.isPartOfName }.prefix(while: \.isPartOfName)) }
}

extension Character {
    var isPartOfName: Bool { isLetter || isNumber || self == "_" }
}
