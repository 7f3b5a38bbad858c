// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Why a command ended without doing all that it was asked: one clear line, and the exit code.
struct CommandError: Error, Equatable, CustomStringConvertible {
    struct Code: Hashable, Sendable {
        let exitCode: Int32
        /// The job that was waited for failed or was cancelled.
        static let jobFailed = Code(exitCode: 1)
        /// The command line, the environment or `workers.yml` is at fault, or the port that it names cannot be had.
        static let usage = Code(exitCode: 2)
        static let notFound = Code(exitCode: 3)
        /// What is there is in a state that forbids it.
        static let conflict = Code(exitCode: 4)
        /// A store is away, refuses, or is not what this release needs.
        static let unavailable = Code(exitCode: 69)
        /// A bug.
        static let unexpected = Code(exitCode: 70)
        /// The machine refuses a process or a file.
        static let system = Code(exitCode: 71)
        static let timedOut = Code(exitCode: 124)
        /// Ctrl-C, after what had to be put in order was.
        static let interrupted = Code(exitCode: 130)
        /// Nobody reads the output any more, which is nobody's fault.
        static let outputClosed = Code(exitCode: 0)
    }

    let code: Code
    /// What failed, on what, and what to do; empty to say nothing.
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// What any error means to whoever typed the command.
    init(_ error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as LedgerError: self.init(error)
        case let error as BrokerError: self.init(error)
        case let error as PayloadError: self.init(.usage, "\(error)")
        default: self.init(.unexpected, "\(error)")
        }
    }

    private init(_ error: LedgerError) {
        switch error.code {
        case .schemaUnknown:
            // The ledger says what to do; PostgreSQL's own words do not.
            self.init(
                .unavailable,
                "PostgreSQL: \(error.message)" + (error.sqlState == nil ? "" : "; run \(Program.name) migrate"))
        case .rejected: self.init(.usage, "PostgreSQL refuses the data: \(error.message)")
        case .keyReused, .keyInFlight: self.init(.conflict, error.message)
        case .protocolViolation: self.init(.unexpected, "\(error)")
        default: self.init(.unavailable, "PostgreSQL: \(error.message)")
        }
    }

    private init(_ error: BrokerError) {
        switch error.code {
        case .protocolViolation: self.init(.unexpected, "\(error)")
        default: self.init(.unavailable, "Redis: \(error.message)")
        }
    }

    var description: String { message }
}
