// SPDX-License-Identifier: Apache-2.0

/// An element of an XML document as S3 writes such: without document types, and with attributes that say nothing.
struct S3Element: Equatable {
    let name: String
    var text = ""
    var children: [S3Element] = []

    init(name: String, text: String = "", children: [S3Element] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    /// The root of a document; nil for what is not well-formed.
    init?(_ document: [UInt8]) {
        var reader = S3ElementReader(document)
        guard let root = reader.root() else { return nil }
        self = root
    }

    /// nil when there is no such child.
    func text(of child: String) -> String? {
        children.first { $0.name == child }?.text
    }
}

private struct S3ElementReader {
    private static let depthMax = 16
    private static let entities: [String: String] = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
    /// `&#x10FFFF;` without its first and last character.
    private static let entityLengthMax = 8

    private var rest: ArraySlice<UInt8>
    /// From the root to the one that is being read.
    private var open: [S3Element] = []

    init(_ document: [UInt8]) {
        rest = document[...]
        _ = take("\u{FEFF}")
    }

    mutating func root() -> S3Element? {
        while let byte = rest.first {
            if byte != UInt8(ascii: "<") {
                guard readText() else { return nil }
            } else if take("<?") {
                guard skip(past: "?>") != nil else { return nil }
            } else if take("<!--") {
                guard skip(past: "-->") != nil else { return nil }
            } else if take("<![CDATA[") {
                guard !open.isEmpty, let text = skip(past: "]]>") else { return nil }
                open[open.count - 1].text += text
            } else if take("</") {
                guard let name = readName(), name == open.last?.name, skipToEnd() == false else { return nil }
                if let root = close() { return rest.allSatisfy(Self.isSpace) ? root : nil }
            } else {
                guard take("<"), let name = readName(), open.count < Self.depthMax, let isEmpty = skipToEnd() else {
                    return nil
                }
                open.append(S3Element(name: name))
                if isEmpty, let root = close() { return rest.allSatisfy(Self.isSpace) ? root : nil }
            }
        }
        return nil
    }

    /// Ends the innermost element; returns it when it is the root.
    private mutating func close() -> S3Element? {
        guard let element = open.popLast() else { return nil }
        if open.isEmpty { return element }
        open[open.count - 1].children.append(element)
        return nil
    }

    private mutating func readName() -> String? {
        let name = rest.prefix { byte in
            0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || "-._:".utf8.contains(byte)
        }
        rest = rest.dropFirst(name.count)
        return name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
    }

    /// Goes over attributes and the end of a tag; returns whether the tag has a slash there, nil for no end at all.
    private mutating func skipToEnd() -> Bool? {
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: ">"): return false
            case UInt8(ascii: "/"): return take(">") ? true : nil
            case UInt8(ascii: "<"): return nil
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                guard let end = rest.firstIndex(of: byte) else { return nil }
                rest = rest[(end + 1)...]
            default: break
            }
        }
        return nil
    }

    private mutating func readText() -> Bool {
        let text = rest.prefix { $0 != UInt8(ascii: "<") }
        rest = rest.dropFirst(text.count)
        guard !open.isEmpty else { return text.allSatisfy(Self.isSpace) }
        var parts = text.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
        open[open.count - 1].text += String(decoding: parts.removeFirst(), as: UTF8.self)
        for part in parts {
            guard let end = part.firstIndex(of: UInt8(ascii: ";")), end - part.startIndex <= Self.entityLengthMax,
                let text = Self.text(ofEntity: String(decoding: part[..<end], as: UTF8.self))
            else { return false }
            open[open.count - 1].text += text + String(decoding: part[(end + 1)...], as: UTF8.self)
        }
        return true
    }

    private static func text(ofEntity name: String) -> String? {
        if let text = entities[name] { return text }
        guard name.hasPrefix("#") else { return nil }
        let digits = name.dropFirst()
        let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return value.flatMap(Unicode.Scalar.init).map { String($0) }
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    /// Returns what was skipped; nil when the mark does not come.
    private mutating func skip(past mark: String) -> String? {
        let start = rest
        while !rest.isEmpty {
            let skipped = start[..<rest.startIndex]
            if take(mark) { return String(decoding: skipped, as: UTF8.self) }
            rest = rest.dropFirst()
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
