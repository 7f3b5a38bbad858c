// SPDX-License-Identifier: Apache-2.0

import Millrace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory of which every page was written, so that the system has given all of it.
final class HeldMemory: Sendable {
    // Nobody reads or writes there after `init`, and it is freed once, with its only owner.
    private nonisolated(unsafe) let start: UnsafeMutableRawPointer

    /// - Throws: ``JobSignal`` when the system has none left.
    init(byteCount: Int) throws {
        guard let start = malloc(max(byteCount, 1)) else {
            throw JobSignal.permanent("\(byteCount) bytes are not to be had")
        }
        memset(start, 0xA5, byteCount)
        self.start = start
    }

    deinit { free(start) }
}
