// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One thing that is wrong with a request, and where.
package struct Fault: Sendable, Equatable {
    enum Place: Sendable, Equatable, CustomStringConvertible {
        /// JSON pointer within the body.
        case pointer(String)
        /// Of the query.
        case parameter(String)
        case header(String)

        var description: String {
            switch self {
            case .pointer(""): "the body"
            case .pointer(let name), .parameter(let name), .header(let name): name
            }
        }
    }

    var place: Place
    let detail: String
    /// Of the body, counted from 1, where the body consists of lines.
    var line: Int?

    init(_ place: Place, _ detail: String) {
        self.place = place
        self.detail = detail
    }

    package init(_ pointer: String, _ detail: String) {
        self.init(.pointer(pointer), detail)
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            switch place {
            case .pointer(let pointer): json.member("pointer", pointer)
            case .parameter(let name): json.member("parameter", name)
            case .header(let name): json.member("header", name)
            }
            if let line { json.member("line", line) }
            json.member("detail", detail)
        }
    }
}

/// All faults of one request, of which the first 100 are told.
package struct Faults: Sendable {
    private static let listedMax = 100

    private(set) var listed: [Fault] = []
    private(set) var count = 0
    /// Where the job is of which pointers speak: its index in a batch, as `/17`, and its line.
    var base: (pointer: String, line: Int?) = ("", nil)

    package init() {}

    package init(_ fault: Fault) {
        append(fault)
    }

    package var isEmpty: Bool { count == 0 }

    /// - Parameter fault: made only when it is told, as a hostile body can have a million of them.
    package mutating func append(_ fault: @autoclosure () -> Fault) {
        count += 1
        guard listed.count < Self.listedMax else { return }
        var fault = fault()
        if case .pointer(let pointer) = fault.place { fault.place = .pointer(base.pointer + pointer) }
        fault.line = fault.line ?? base.line
        listed.append(fault)
    }
}
