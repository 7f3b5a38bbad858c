// SPDX-License-Identifier: Apache-2.0

import Mustache

/// A mail with gaps: three files of `Templates`, `NAME.subject.mustache`, `NAME.text.mustache` and
/// `NAME.html.mustache`.
///
/// What fills the gaps is escaped in the HTML part, and in the other two not. Every name that a template uses must be
/// given, if only as null: "Dear ," is not sent.
public struct EmailTemplate: Sendable {
    struct Rendered: Equatable {
        let subject: String
        let text: String
        let html: String
    }

    private let subject: MustacheTemplate
    private let text: MustacheTemplate
    private let html: MustacheTemplate

    /// Those that there are, sorted.
    public static var names: [String] { all.keys.sorted() }

    private static let all: [String: EmailTemplate] = [
        "password-reset": EmailTemplate(
            subject: PackageResources.password_reset_subject_mustache,
            text: PackageResources.password_reset_text_mustache, html: PackageResources.password_reset_html_mustache),
        "receipt": EmailTemplate(
            subject: PackageResources.receipt_subject_mustache, text: PackageResources.receipt_text_mustache,
            html: PackageResources.receipt_html_mustache),
        "welcome": EmailTemplate(
            subject: PackageResources.welcome_subject_mustache, text: PackageResources.welcome_text_mustache,
            html: PackageResources.welcome_html_mustache),
    ]

    static func named(_ name: String) throws(EmailError) -> EmailTemplate {
        guard let template = all[name] else {
            throw EmailError(.invalid, "there is no such template; known are \(names.joined(separator: ", "))")
        }
        return template
    }

    init(subject: [UInt8], text: [UInt8], html: [UInt8]) {
        do {
            self.subject = try MustacheTemplate(string: Self.unescaped + String(decoding: subject, as: UTF8.self))
            self.text = try MustacheTemplate(string: Self.unescaped + String(decoding: text, as: UTF8.self))
            self.html = try MustacheTemplate(string: String(decoding: html, as: UTF8.self))
        } catch {
            preconditionFailure("a template that was shipped is broken: \(error)")
        }
    }

    /// - Throws: ``EmailError`` with `.invalid` that lists the names that are missing.
    func render(_ values: [String: TemplateValue]) throws(EmailError) -> Rendered {
        let gaps = Gaps(values)
        // The file's last line ends as all lines do.
        let line = subject.render(gaps)
        let rendered = Rendered(
            subject: line.hasSuffix("\n") ? String(line.dropLast()) : line, text: text.render(gaps),
            html: html.render(gaps))
        guard gaps.missing.isEmpty else {
            throw EmailError(.invalid, "missing: \(gaps.missing.sorted().joined(separator: ", "))")
        }
        return rendered
    }

    /// Escaping is for HTML.
    private static let unescaped = "{{% CONTENT_TYPE:TEXT}}"

    /// The values, asked by Mustache last, when nothing within a section has the name.
    private final class Gaps: MustacheParent {
        private let values: [String: TemplateValue]
        private(set) var missing: Set<String> = []

        init(_ values: [String: TemplateValue]) {
            self.values = values
        }

        func child(named name: String) -> Any? {
            guard let value = values[name] else {
                missing.insert(name)
                return nil
            }
            return value.mustache
        }
    }
}
