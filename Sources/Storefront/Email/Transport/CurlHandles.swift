// SPDX-License-Identifier: Apache-2.0

import CCurl
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A handle of libcurl with the connection that it keeps open between transfers.
///
/// Sendable although it is a C pointer: whoever takes it out of ``CurlHandles`` has it alone until it is given back.
final class CurlHandle: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer

    fileprivate init?() {
        guard let pointer = curl_easy_init() else { return nil }
        self.pointer = pointer
    }

    deinit { curl_easy_cleanup(pointer) }

    /// Breaks the connection off, for one on which something is still under way: the answer to a mail that was given up
    /// would be taken for that to the next, and libcurl would wait two minutes for the answer to its farewell.
    func breakOff() {
        let socket = millrace_curl_kept_socket(pointer)
        if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
    }
}

/// The handles that no transfer uses now: as many as there ever were transfers at the same time in this process, each
/// with a connection at most.
final class CurlHandles: Sendable {
    /// Once per process.
    private static let isStarted = millrace_curl_start() == CURLE_OK

    private let idle = Mutex<[CurlHandle]>([])

    /// - Throws: ``EmailError`` with `.deferred`.
    func take() throws(EmailError) -> CurlHandle {
        guard Self.isStarted else { throw EmailError(.deferred, "libcurl does not start") }
        // The one given back last, whose connection is the most likely to be still there.
        if let handle = idle.withLock({ $0.popLast() }) { return handle }
        guard let handle = CurlHandle() else { throw EmailError(.deferred, "libcurl makes no handle") }
        return handle
    }

    func giveBack(_ handle: CurlHandle) {
        idle.withLock { $0.append(handle) }
    }
}
