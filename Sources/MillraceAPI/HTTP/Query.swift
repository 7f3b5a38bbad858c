// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The parameters of a query, each of which a route has to know.
package struct Query: Sendable {
    private let values: [String: String]

    /// - Throws: a problem that names the parameter, for an unknown and for a doubled one.
    init(_ parameters: [(name: String, value: String)], allowed: [String]) throws(Problem) {
        var values: [String: String] = [:]
        var faults = Faults()
        for (name, value) in parameters {
            if !allowed.contains(name) {
                let advice =
                    allowed.isEmpty
                    ? "this request takes no parameters" : "\(NearestName.advice(for: name, among: allowed))"
                faults.append(Fault(.parameter(name), "unknown parameter; \(advice)"))
            } else if values.updateValue(value, forKey: name) != nil {
                faults.append(Fault(.parameter(name), "given more than once"))
            }
        }
        guard faults.isEmpty else { throw Problem(.invalidParameter, faults) }
        self.values = values
    }

    /// A parameter's value as its reader understands it; nil when it was not given.
    ///
    /// - Parameter expected: what the problem says was expected where the reader returns nil.
    package func value<Value>(
        _ name: String, expected: String, _ read: (String) -> Value?
    ) throws(Problem) -> Value? {
        guard let text = values[name] else { return nil }
        guard let value = read(text) else {
            throw .invalid(parameter: name, "\(text.quoted) is not \(expected)")
        }
        return value
    }
}

extension String {
    /// In quotes, and cut where it is long: for messages that show a client what it sent.
    package var quoted: String {
        let shown = prefix(80)
        return shown.endIndex == endIndex ? "\"\(self)\"" : "\"\(shown)…\""
    }
}
