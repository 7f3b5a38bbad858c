// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why a blob store did not do what it was asked.
public struct BlobError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// No such blob.
        public static let missing = Code(description: "missing")
        /// No room: disk, quota or file handles. A later try may succeed.
        public static let full = Code(description: "full")
        /// The store does not answer, or asks for patience; what was asked of it may have happened.
        public static let away = Code(description: "away")
        /// The system or the store refuses or fails: rights, a broken disk, a symbolic link where none may be.
        public static let failed = Code(description: "failed")
    }

    public let code: Code
    /// What failed, on what, in the system's own words.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// - Parameter action: what was tried, such as `open blob 12ab…`.
    init(errno number: Int32, _ action: String) {
        let code: Code =
            switch number {
            case ENOENT: .missing
            case ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM: .full
            default: .failed
            }
        self.init(code, "\(action): \(String(cString: strerror(number))) (errno \(number))")
    }

    public var description: String { "blobs: \(code): \(message)" }
}
