// SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension RedisError {
    /// What any error of a connection says, in a few words for a line of text.
    static func words(of error: any Error) -> String {
        switch error {
        case let error as RedisError: error.message
        // NIO's own description names its function, with a bracket too many.
        case let error as IOError: String(cString: strerror(error.errnoCode))
        default: "\(error)"
        }
    }
}
