// SPDX-License-Identifier: Apache-2.0

import CLibPQ

/// Takes libpq's results of one exchange until there are no more, and keeps the one that counts.
struct ReplyCollector {
    /// The last result, if it is a success.
    private(set) var result: PostgresResult?
    /// What the server refused, and how gravely.
    private(set) var serverError: (PostgresError, severity: String)?
    /// What libpq itself found wrong.
    private(set) var problem: String?
    /// The session is in a state that this driver cannot lead out of.
    private(set) var isUnusable = false

    /// Takes what has arrived.
    /// - Returns: whether the exchange is over.
    mutating func take(from connection: OpaquePointer) -> Bool {
        while PQisBusy(connection) == 0 || PQstatus(connection) == CONNECTION_BAD {
            guard let next = PQgetResult(connection) else { return true }
            keep(next)
            if isUnusable { return true }
        }
        return false
    }

    mutating func discard() { result = nil }

    private mutating func keep(_ pointer: OpaquePointer) {
        result = nil
        switch PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            result = PostgresResult(pointer)
            return
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            problem = "COPY from or to the client is not supported; connection dropped"
            isUnusable = true
        default:
            // The first is the cause; what follows a server's last word is libpq's remark that it hung up.
            if serverError == nil { keepError(pointer) }
        }
        PQclear(pointer)
    }

    private mutating func keepError(_ pointer: OpaquePointer) {
        func field(_ code: Character) -> String? {
            PQresultErrorField(pointer, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        guard let sqlState = field("C") else {
            let text = PQresultErrorMessage(pointer).map { String(cString: $0) } ?? ""
            problem = PostgresSession.oneLine(text)
            isUnusable = true
            return
        }
        var error = PostgresError(
            .server, field("M") ?? "refused", sqlState: sqlState, detail: field("D"), constraint: field("n"),
            table: field("t"), column: field("c"))
        error.position = field("P").flatMap { Int($0) }
        serverError = (error, field("V") ?? "ERROR")
    }
}
