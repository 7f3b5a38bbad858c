// SPDX-License-Identifier: Apache-2.0

/// A run that a store cut short, through no fault of the job's: it is given back at no cost.
package struct RunInterrupted: Error, CustomStringConvertible {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }

    package var description: String { "run interrupted: \(reason)" }
}
