// SPDX-License-Identifier: Apache-2.0

package import Millrace
package import PostgresDriver

extension LedgerError {
    /// What the driver's error means for the ledger. Its detail is left out: it may quote a payload.
    package init(_ error: PostgresError) {
        self.init(Self.code(of: error), error.message, sqlState: error.sqlState)
    }

    private static func code(of error: PostgresError) -> Code {
        switch error.code {
        case .unavailable, .deadlineExceeded: .unavailable
        case .outcomeUnknown: .outcomeUnknown
        case .overloaded: .overloaded
        case .cancelled: .cancelled
        case .configuration: .misconfigured
        case .server: code(ofState: error.sqlState ?? "")
        default: .protocolViolation
        }
    }

    private static func code(ofState state: String) -> Code {
        switch state {
        // Read-only, rights, disk full: an operator's to mend.
        case "25006", "42501", "53100": return .misconfigured
        // Another transaction was in the way, or the server gave up in time.
        case "40001", "40P01", "55P03", "57014": return .unavailable
        // No such schema, table, column, function or type.
        case "3F000", "42P01", "42703", "42883", "42704": return .schemaUnknown
        default: break
        }
        switch state.prefix(2) {
        case "08", "53", "57", "58": return .unavailable
        case "22", "23", "54": return .rejected
        case "28", "3D": return .misconfigured
        default: return .protocolViolation
        }
    }
}

extension PostgresError {
    /// The data itself is refused, or is more than the server can take (nested too deep): repeating cannot help.
    var refusesData: Bool { isDataError || sqlState?.hasPrefix("54") == true }

    /// No partition takes the id.
    var isMissingPartition: Bool { sqlState == "23514" && constraint == nil }

    /// A lock was not to be had in time.
    var isLockTimeout: Bool { sqlState == "55P03" }
}
