// SPDX-License-Identifier: Apache-2.0

@preconcurrency import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ends the process at once on the second SIGTERM or SIGINT.
///
/// The first begins a graceful shutdown elsewhere; here it is only remarked upon. This needs neither Swift's threads nor an event loop, which handlers
/// may hog.
final class SecondSignal: Sendable {
    private let count = Atomic<Int>(0)
    private let sources: [any DispatchSourceSignal]

    /// - Parameters:
    ///   - onFirst: called once, at the first signal.
    ///   - beforeEnd: called once, right before the process ends.
    init(onFirst: @escaping @Sendable () -> Void = {}, beforeEnd: @escaping @Sendable () -> Void = {}) {
        let queue = DispatchQueue(label: "millrace.second-signal")
        sources = [SIGTERM, SIGINT].map { DispatchSource.makeSignalSource(signal: $0, queue: queue) }
        for (source, number) in zip(sources, [SIGTERM, SIGINT]) {
            source.setEventHandler { [self] in
                guard count.add(Int(source.data), ordering: .relaxed).newValue >= 2 else { return onFirst() }
                beforeEnd()
                _exit(128 + number)
            }
            source.resume()
        }
    }
}
