// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// The W3C header that ties a job's run to the request that submitted it.
package enum TraceParent {
    /// The header's value when it is well-formed; by its specification any other is passed over.
    package static func value(_ headers: HTTPFields) -> String? {
        let values = headers[values: .traceParent]
        guard values.count == 1, let value = values.first, value.utf8.count == 55 else { return nil }
        let parts = value.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [2, 32, 16, 2], parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }) else {
            return nil
        }
        let isZero = parts[1...2].contains { $0.allSatisfy { $0 == "0" } }
        return isZero || parts[0] == "ff" ? nil : value
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        0x30...0x39 ~= byte || 0x61...0x66 ~= byte
    }
}
