// SPDX-License-Identifier: Apache-2.0

import CLibPQ

extension PostgresSession {
    /// Connects and sets the session up, on the calling thread.
    ///
    /// - Throws: `.configuration` if only an operator can mend it (an unreadable URL, a wrong password, a missing database or
    ///   role, an unknown setting), else `.unavailable`; `.cancelled` if `call` was.
    static func connect(
        _ configuration: PostgresConfiguration, wakeup: WakePipe, call: PostgresCall
    ) throws(PostgresError) -> PostgresSession {
        let address = try PostgresAddress(configuration)
        guard let connection = address.start() else { throw PostgresError(.unavailable, "out of memory") }
        let session = PostgresSession(connection, wakeup: wakeup, cancelGrace: configuration.cancelGrace)
        // Verbose, as only then the text of a refused connection has its SQLSTATE.
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        do throws(PostgresError) {
            let call = call.limited(to: .after(address.connectTimeout))
            try session.establish(connection, address, call)
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            PQsetnonblocking(connection, 1)
            try session.apply(configuration.settings, call)
            return session
        } catch {
            session.finish()
            throw error
        }
    }

    private func establish(
        _ connection: OpaquePointer, _ address: PostgresAddress, _ call: PostgresCall
    ) throws(PostgresError) {
        var state = PGRES_POLLING_WRITING
        while PQstatus(connection) != CONNECTION_BAD {
            if state == PGRES_POLLING_OK { return }
            if state == PGRES_POLLING_FAILED { break }
            if call.isCancelled { throw PostgresError(.cancelled, "cancelled while connecting") }
            if ContinuousClock.now >= call.deadline {
                throw PostgresError(.unavailable, "no connection to \(address.name): no answer in time")
            }
            let isReady = poll(
                socket: PQsocket(connection), wantsRead: state == PGRES_POLLING_READING,
                wantsWrite: state == PGRES_POLLING_WRITING, until: call.deadline)
            if isReady { state = PQconnectPoll(connection) }
        }
        throw address.error(for: Self.message(of: connection))
    }

    private func apply(
        _ settings: [PostgresConfiguration.Setting], _ call: PostgresCall
    ) throws(PostgresError) {
        let all = [PostgresConfiguration.Setting("TimeZone", "UTC")] + settings
        let values = all.flatMap { [PostgresValue.text($0.name), .text($0.value)] }
        let terms = all.indices.map { "set_config($\(2 * $0 + 1), $\(2 * $0 + 2), false)" }
        let statement = PostgresStatement(name: "session settings", sql: "SELECT " + terms.joined(separator: ", "))
        do throws(PostgresError) {
            _ = try query(statement, values, call)
        } catch {
            // Setting up a session changes nothing that lasts, so no outcome of it is unknown.
            throw error.with(error.code == .server ? .configuration : .unavailable)
        }
    }
}
