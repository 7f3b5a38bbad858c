// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import PostgresDriver

extension Problem.Kind {
    static let invalidPhoto = Problem.Kind("invalid-photo", "Invalid photo", 422)
}

extension Problem {
    /// What a client is told of an error; the stores' own words go to the log alone.
    init(_ error: any Error, logger: Logger) {
        switch error {
        case let problem as Problem: self = problem
        case let error as LedgerError: self.init(error, logger: logger)
        case let error as PostgresError: self.init(LedgerError(error), logger: logger)
        case let error as BlobError where error.code == .full:
            logger.error("the blob store is full", metadata: [.error: "\(error)"])
            self = .away("the blob store is full")
        case let error as BlobError where error.code == .away:
            logger.warning("the blob store is away", metadata: [.error: "\(error)"])
            self = .away("the blob store does not answer, or deletes equal bytes at this moment")
        case let error as BlobError:
            logger.error("the blob store needs an operator", metadata: [.error: "\(error)"])
            self = .away("the blob store refuses to work until an operator has seen to it")
        case is CancellationError:
            self = .away("the server is shutting down")
        default:
            self = .unexpected(error, logger: logger)
        }
    }

    /// Runs what may throw anything; the error becomes a problem.
    static func told<Value>(_ logger: Logger, _ body: () async throws -> Value) async throws(Problem) -> Value {
        do {
            return try await body()
        } catch {
            throw Problem(error, logger: logger)
        }
    }
}
