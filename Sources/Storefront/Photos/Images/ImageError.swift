// SPDX-License-Identifier: Apache-2.0

/// Why an image was not read.
struct ImageError: Error, Sendable, CustomStringConvertible {
    struct Code: Hashable, Sendable {
        private let name: String
        /// The file itself is at fault: no further try can succeed.
        static let corrupt = Code(name: "corrupt")
        /// Memory, or libvips itself: a later try may succeed.
        static let failed = Code(name: "failed")
        /// Nobody wants it any more.
        static let cancelled = Code(name: "cancelled")
    }

    let code: Code
    let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
