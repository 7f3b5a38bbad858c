// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import Yams

/// Reads typed values out of a YAML document and collects every fault with its place, so that one run shows them all.
///
/// It is stricter than YAML: numbers are decimal digits and Booleans `true` or `false`, so that a queue called `no` or
/// a port written `0x50` is asked about, not guessed at.
struct YAMLReader {
    struct Fault: Equatable, Comparable, CustomStringConvertible {
        var line: Int
        var column: Int
        var message: String

        var description: String { "\(line):\(column): \(message)" }

        static func < (left: Fault, right: Fault) -> Bool { (left.line, left.column) < (right.line, right.column) }
    }

    private(set) var faults: [Fault] = []

    /// The document's root; nil when it is empty or no YAML, which is a fault.
    mutating func root(of text: String) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            faults.append(Self.fault(of: error))
        } catch {
            faults.append(Fault(line: 1, column: 1, message: "\(error)"))
        }
        return nil
    }

    mutating func fail(_ node: Node, _ message: String) {
        faults.append(Fault(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, message: message))
    }

    /// The members of a mapping; those with keys outside `known` are faults.
    mutating func members(of node: Node, _ path: String, known: [String]) -> [String: Node] {
        var members: [String: Node] = [:]
        for (key, value) in entries(of: node, path) {
            if known.contains(key.name) {
                members[key.name] = value
            } else {
                let guess = Nearest.match(for: key.name, among: known).map { ", did you mean \($0)?" }
                let known = guess ?? ", known are \(known.joined(separator: ", "))"
                fail(key.node, "\(path)unknown key \(EscapedText.quotedIfNeeded(key.name))\(known)")
            }
        }
        return members
    }

    /// All members of a mapping in the order of the document; `null` is an empty one.
    mutating func entries(of node: Node, _ path: String) -> [(key: (name: String, node: Node), value: Node)] {
        guard case .mapping(let mapping) = node else {
            if !isNull(node) { fail(node, "\(path)expected keys with values") }
            return []
        }
        return mapping.compactMap { key, value in
            guard case .scalar(let scalar) = key else {
                fail(key, "\(path)a key must be a word")
                return nil
            }
            return ((scalar.string, key), value)
        }
    }

    mutating func bool(_ node: Node, _ path: String) -> Bool? {
        switch plainText(of: node) {
        case "true": return true
        case "false": return false
        default: return refuse(node, path, "true or false")
        }
    }

    mutating func integer(_ node: Node, _ path: String, in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = plainText(of: node), let number = Int(text), range.contains(number) else {
            return refuse(node, path, expected)
        }
        return number
    }

    mutating func duration(_ node: Node, _ path: String, in range: ClosedRange<Duration>) -> Duration? {
        let bounds = "\(range.lowerBound.text) to \(range.upperBound.text)"
        guard let text = text(of: node), let duration = Duration(text: text), range.contains(duration) else {
            return refuse(node, path, "\(DurationText.expectation), from \(bounds)")
        }
        return duration
    }

    mutating func word(_ node: Node, _ path: String, _ expected: String) -> String? {
        guard let text = text(of: node), !text.isEmpty, text.utf8.allSatisfy({ (33...126).contains($0) }) else {
            return refuse(node, path, expected)
        }
        return text
    }

    mutating func network(_ node: Node, _ path: String) -> APIServer.Network? {
        guard let network = text(of: node).flatMap({ APIServer.Network($0) }) else {
            return refuse(node, path, "an address or a network, such as 10.0.0.0/8")
        }
        return network
    }

    /// A path of up to 1024 bytes, without control characters.
    mutating func path(_ node: Node, _ path: String, _ expected: String = "a folder's path") -> String? {
        guard let text = text(of: node), 1...1024 ~= text.utf8.count,
            text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else { return refuse(node, path, expected) }
        return text
    }

    mutating func byteCount(_ node: Node, _ path: String, in range: ClosedRange<ByteCount>) -> ByteCount? {
        guard let bytes = text(of: node).flatMap(ByteCount.init), range.contains(bytes) else {
            return refuse(
                node, path,
                "a whole number with MiB or GiB, \(range.lowerBound) to \(range.upperBound), such as 512MiB")
        }
        return bytes
    }

    mutating func name(_ node: Node, _ path: String) -> String? {
        guard let text = text(of: node), QueueName(text) != nil else {
            return refuse(node, path, "1 to \(Limits.nameBytesMax) characters of [a-z0-9._-]")
        }
        return text
    }

    mutating func list(_ node: Node, _ path: String, of things: String, countMax: Int) -> [Node]? {
        guard case .sequence(let sequence) = node, (1...countMax).contains(sequence.count) else {
            return refuse(node, path, "a list of 1 to \(countMax) \(things)")
        }
        return Array(sequence)
    }

    private mutating func refuse<Value>(_ node: Node, _ path: String, _ expected: String) -> Value? {
        let seen = text(of: node).map { EscapedText.quotedIfNeeded(String($0.prefix(40))) }
        fail(node, "\(path)expected \(expected)" + (seen.map { ", found \($0)" } ?? ""))
        return nil
    }

    private func isNull(_ node: Node) -> Bool {
        ["", "~", "null"].contains(plainText(of: node))
    }

    private func text(of node: Node) -> String? {
        guard case .scalar(let scalar) = node, !isNull(node) else { return nil }
        return scalar.string
    }

    private func plainText(of node: Node) -> String? {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return nil }
        return scalar.string
    }

    private static func fault(of error: YamlError) -> Fault {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let context = context.map { "\($0.text) (line \($0.mark.line)): " } ?? ""
            return Fault(line: mark.line, column: mark.column, message: "\(context)\(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.joined(separator: ", ")
            return Fault(line: context.mark.line, column: context.mark.column, message: "given more than once: \(keys)")
        default: return Fault(line: 1, column: 1, message: "no YAML: \(error)")
        }
    }
}
