// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Holds JSON against the part of JSON Schema that the API's description uses, and names what it does not know.
struct SchemaCheck {
    let document: Reply.Value

    /// What is wrong with a value, each with its place; empty when nothing is.
    func faults(of value: Reply.Value, schema name: String) -> [String] {
        guard let schema = document["components"]?["schemas"]?[name] else { return ["no schema \(name)"] }
        return faults(of: value, schema, at: "")
    }

    private func faults(of value: Reply.Value, _ schema: Reply.Value, at place: String) -> [String] {
        var faults: [String] = []
        for keyword in schema.text.members(of: schema.value) {
            let rule = Reply.Value(text: schema.text, value: keyword.value)
            switch keyword.name {
            case "$ref":
                let name = rule.string?.split(separator: "/").last.map(String.init) ?? ""
                faults += self.faults(of: value, schema: name).map { place + $0 }
            case "anyOf":
                let each = rule.elements.map { self.faults(of: value, $0, at: place) }
                if each.allSatisfy({ !$0.isEmpty }) { faults.append("\(place) fits none of \(each)") }
            case "type": if !Self.isOf(rule.string ?? "", value) { faults.append("\(place) is no \(rule.raw)") }
            case "enum":
                if !rule.elements.contains(where: { $0.raw == value.raw }) { faults.append("\(place) not in enum") }
            case "minimum": if let number = value.int, number < rule.int ?? .max { faults.append("\(place) too small") }
            case "maximum": if let number = value.int, number > rule.int ?? .min { faults.append("\(place) too large") }
            case "pattern":
                if !Self.matches(value.string ?? "", rule.string ?? "") { faults.append("\(place) off pattern") }
            case "format":
                if !Self.isFormatted(value.string ?? "", rule.string ?? "") { faults.append("\(place) off format") }
            case "properties": faults += members(of: value, rule, at: place)
            case "required":
                for name in rule.elements.compactMap(\.string) where value[name] == nil {
                    faults.append("\(place)/\(name) is missing")
                }
            case "additionalProperties":
                for member in value.text.members(of: value.value) where schema["properties"]?[member.name] == nil {
                    faults.append("\(place)/\(member.name) is not described")
                }
            case "items":
                for (index, item) in value.elements.enumerated() {
                    faults += self.faults(of: item, rule, at: "\(place)/\(index)")
                }
            case "minItems": if value.elements.count < rule.int ?? .max { faults.append("\(place) too few") }
            case "maxItems": if value.elements.count > rule.int ?? .min { faults.append("\(place) too many") }
            case "description": break
            default: faults.append("keyword \(keyword.name) is not checked")
            }
        }
        return faults
    }

    private func members(of value: Reply.Value, _ rules: Reply.Value, at place: String) -> [String] {
        rules.text.members(of: rules.value).flatMap { rule in
            value[rule.name].map {
                faults(of: $0, Reply.Value(text: rules.text, value: rule.value), at: "\(place)/\(rule.name)")
            } ?? []
        }
    }

    private static func isOf(_ type: String, _ value: Reply.Value) -> Bool {
        type == "integer" ? value.int != nil : value.value.kind.rawValue == type
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = try? Regex(pattern) else { return false }
        return (try? expression.wholeMatch(in: text)) != nil
    }

    private static func isFormatted(_ text: String, _ format: String) -> Bool {
        switch format {
        case "uuid": JobID(text) != nil
        case "date-time": Timestamp(rfc3339: text) != nil
        default: false
        }
    }
}
