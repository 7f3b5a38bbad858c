// SPDX-License-Identifier: Apache-2.0

import CLibPQ

extension PostgresSession {
    /// Runs one statement as a transaction of its own.
    func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue], _ call: PostgresCall
    ) throws(PostgresError) -> PostgresResult {
        try call.check()
        try checkAlive()
        var mayRepeat = statements.name(of: statement, parameters) != nil
        while true {
            let name = try prepare(statement, parameters, call)
            try call.check()
            let failure: Failure
            do {
                let result = try execute(name, parameters, call)
                // A cancelled wait for a synchronous standby ends in a warning and a success.
                guard lastInterruption == nil || !notices.hasWarned else {
                    throw PostgresError(.outcomeUnknown, "cancelled with a warning: it may not have been replicated")
                }
                return result
            } catch let error as Failure {
                failure = error
            } catch {
                throw error as? PostgresError ?? PostgresError(.outcomeUnknown, "\(error)")
            }
            guard mayRepeat, failure.isOutdated else {
                throw failure.meaning(whenBroken: .outcomeUnknown).naming(statement)
            }
            mayRepeat = false
            statements.forget(statement)
        }
    }

    /// Runs one statement within a transaction that was begun.
    func queryInTransaction(
        _ statement: PostgresStatement, _ parameters: [PostgresValue], _ call: PostgresCall
    ) throws(PostgresError) -> PostgresResult {
        try call.check()
        let name = try prepare(statement, parameters, call)
        try call.check()
        do throws(Failure) {
            return try execute(name, parameters, call)
        } catch {
            if error.isOutdated { statements.forget(statement) }
            throw error.meaning(whenBroken: .unavailable).naming(statement)
        }
    }

    /// Runs commands separated by semicolons, without parameters, by the simple protocol.
    func run(script: String, _ call: PostgresCall, isInterruptible: Bool = true) throws(Failure) -> PostgresResult {
        try exchange(call, isInterruptible: isInterruptible) { PQsendQuery($0, script) }
    }

    private func prepare(
        _ statement: PostgresStatement, _ parameters: [PostgresValue], _ call: PostgresCall
    ) throws(PostgresError) -> String {
        if let name = statements.name(of: statement, parameters) { return name }
        do throws(Failure) {
            if statements.count >= PreparedStatements.countMax {
                _ = try run(script: "DEALLOCATE ALL", call)
                statements.forgetAll()
            }
            let name = statements.makeName()
            let types = parameters.map(\.oid)
            _ = try exchange(call, isInterruptible: true) {
                PQsendPrepare($0, name, statement.sql, Int32(types.count), types)
            }
            statements.add(statement, parameters, name: name)
            return name
        } catch {
            throw error.meaning(whenBroken: .unavailable).naming(statement)
        }
    }

    private func execute(
        _ name: String, _ parameters: [PostgresValue], _ call: PostgresCall
    ) throws(Failure) -> PostgresResult {
        try exchange(call, isInterruptible: true) { connection in
            ParameterBlock.with(parameters) { values, lengths, formats in
                PQsendQueryPrepared(connection, name, Int32(parameters.count), values, lengths, formats, 1)
            }
        }
    }
}

extension PostgresSession.Failure {
    /// The server no longer has the prepared statement, or its tables have another shape since (0A000, "cached plan must
    /// not change result type"): preparing again helps.
    fileprivate var isOutdated: Bool { error.sqlState == "26000" || error.sqlState == "0A000" }
}

extension PostgresError {
    fileprivate func naming(_ statement: PostgresStatement) -> PostgresError { with(code, note: statement.name) }
}

/// Parameters as libpq takes them: three C arrays over one copy of all bytes.
private enum ParameterBlock {
    static func with(
        _ parameters: [PostgresValue],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Int32
    ) -> Int32 {
        // A byte more each, as an empty value needs an address too.
        let size = parameters.reduce(0) { $0 + ($1.bytes?.count ?? 0) + 1 }
        return withUnsafeTemporaryAllocation(byteCount: size + 1, alignment: 1) { block in
            var values: [UnsafePointer<CChar>?] = []
            var lengths: [Int32] = []
            values.reserveCapacity(parameters.count)
            lengths.reserveCapacity(parameters.count)
            var offset = 0
            for parameter in parameters {
                guard let bytes = parameter.bytes else {
                    values.append(nil)
                    lengths.append(0)
                    continue
                }
                let slot = UnsafeMutableRawBufferPointer(rebasing: block[offset..<(offset + bytes.count + 1)])
                slot.copyBytes(from: bytes)
                values.append(slot.baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) })
                lengths.append(Int32(clamping: bytes.count))
                offset += bytes.count + 1
            }
            return body(values, lengths, [Int32](repeating: 1, count: parameters.count))
        }
    }
}
