// SPDX-License-Identifier: Apache-2.0

import MillraceTesting
import Testing

@testable import Storefront

@Suite("S3Element") struct S3ElementTests {
    @Test func `a document comes back as it was written, in any of the ways to write it`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<100 {
            let element = Self.element(&random, depth: 0)
            let text = Self.prologs.randomElement(using: &random)! + Self.written(element, &random) + "\n"

            #expect(S3Element(Array(text.utf8)) == element, "seed \(seed): \(text)")
        }
    }

    @Test func `a document that was cut off anywhere is none`() {
        let text = #"<?xml version="1.0"?><a b="c>"><d>e&amp;f</d><![CDATA[<g>]]><!-- h --><i/></a>"#
        let whole = S3Element(
            name: "a", text: "<g>", children: [S3Element(name: "d", text: "e&f"), S3Element(name: "i")])

        #expect(S3Element(Array(text.utf8)) == whole)
        for length in 0..<text.utf8.count { #expect(S3Element(Array(text.utf8.prefix(length))) == nil) }
    }

    @Test(arguments: [
        "", "text", "<a></b>", "</a>", "<a><b></a></b>", "<a></a><b></b>", "<a>&unknown;</a>", "<a>&amp</a>",
        "<a>&#xD800;</a>", "<a>&#99999999;</a>", "<a>&#;</a>", "<a <b></b></a>", "<a b=\"></a>", "<>x</>",
        #"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#,
        String(repeating: "<a>", count: 100_000),
    ])
    func `what is not well-formed is refused`(text: String) {
        #expect(S3Element(Array(text.utf8)) == nil)
    }

    @Test func `nothing that comes makes it fail otherwise`() {
        var random = SplitMix64(seed: .random(in: .min ... .max))
        let alphabet = Array("<>/&;!?-[]CDATA#x=\"' ab\u{0}\u{FF}".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).compactMap { _ in
                alphabet.randomElement(using: &random)
            }
            _ = S3Element(bytes)
        }
    }

    private static let prologs = ["", "\u{FEFF}", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "<!-- - -> -->"]

    private static func element(_ random: inout SplitMix64, depth: Int) -> S3Element {
        let count = depth > 4 ? 0 : Int.random(in: 0...3, using: &random)
        return S3Element(
            name: ["Key", "a", "x:y-z.0", "ListBucketResult"].randomElement(using: &random)!,
            text: String(
                (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    "ab &<>\"'ü€😀;#]\n".randomElement(using: &random)!
                }),
            children: (0..<count).map { _ in element(&random, depth: depth + 1) })
    }

    private static func written(_ element: S3Element, _ random: inout SplitMix64) -> String {
        let attributes = ["", " b='<\"'", " b=\"/>\" c='d'", " "].randomElement(using: &random)!
        if element.text.isEmpty, element.children.isEmpty, Bool.random(using: &random) {
            return "<\(element.name)\(attributes)/>"
        }
        let text = element.text.unicodeScalars.map { scalar in
            let needs = "&<".unicodeScalars.contains(scalar)
            let ways = [
                "&#\(scalar.value);", "&#x\(String(scalar.value, radix: 16));", "<![CDATA[\(scalar)]]>",
                needs ? names[scalar] ?? "" : "\(scalar)",
            ]
            return ways.randomElement(using: &random)!
        }
        let children = element.children.map {
            written($0, &random) + ["", "<!-- > -->"].randomElement(using: &random)!
        }
        return
            "<\(element.name)\(attributes)>\(text.joined())\(children.joined())</\(element.name)\(attributes.isEmpty ? "" : " ")>"
    }

    private static let names: [Unicode.Scalar: String] = ["&": "&amp;", "<": "&lt;"]
}
