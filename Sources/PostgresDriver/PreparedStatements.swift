// SPDX-License-Identifier: Apache-2.0

/// Which statements one session has prepared, by statement and types of parameters.
struct PreparedStatements {
    static let countMax = 256

    private struct Variant {
        let name: String
        let types: [UInt32]

        /// A `NULL` without a type fits any.
        func fits(_ parameters: [PostgresValue]) -> Bool {
            guard types.count == parameters.count else { return false }
            for (type, parameter) in zip(types, parameters) where parameter.oid != 0 && parameter.oid != type {
                return false
            }
            return true
        }
    }

    private var variants: [PostgresStatement: [Variant]] = [:]
    private var sequence = 0
    private(set) var count = 0

    func name(of statement: PostgresStatement, _ parameters: [PostgresValue]) -> String? {
        variants[statement]?.first { $0.fits(parameters) }?.name
    }

    /// A name that this session has not used.
    mutating func makeName() -> String {
        sequence += 1
        return "s\(sequence)"
    }

    mutating func add(_ statement: PostgresStatement, _ parameters: [PostgresValue], name: String) {
        variants[statement, default: []].append(Variant(name: name, types: parameters.map(\.oid)))
        count += 1
    }

    /// Forgets a statement that the server no longer has, or has for an older shape of its tables.
    mutating func forget(_ statement: PostgresStatement) {
        count -= variants.removeValue(forKey: statement)?.count ?? 0
    }

    mutating func forgetAll() {
        variants = [:]
        count = 0
    }
}
