// SPDX-License-Identifier: Apache-2.0

/// How many jobs had ended when, and from it how long after each fault the mill was at its usual pace again.
actor Throughput {
    /// Jobs a second from which on the mill works as usual: half of the clients' pace, as with a backlog it is faster than that.
    nonisolated let wanted: Double
    private let chronicle: Chronicle
    private var last: (at: ContinuousClock.Instant, ended: Int)?
    private var awaited: [(fault: Fault, ended: ContinuousClock.Instant)] = []
    private(set) var recoveries: [Fault: [Duration]] = [:]

    init(wanted: Double, _ chronicle: Chronicle) {
        self.wanted = wanted
        self.chronicle = chronicle
    }

    /// From now on it looks for the first moment in which this fault is overcome.
    func expectRecovery(from fault: Fault) { awaited.append((fault, .now)) }

    /// Faults whose end was not followed by the usual pace, such as when the clients had nothing left to submit.
    var unseen: [Fault: Int] { awaited.reduce(into: [:]) { $0[$1.fault, default: 0] += 1 } }

    func add(_ ended: Int) {
        let now = ContinuousClock.now
        defer { last = (now, ended) }
        guard let last, Double(ended - last.ended) / max((now - last.at).inSeconds, 0.001) >= wanted else { return }
        // The time between the two readings has to lie behind the fault.
        for (fault, end) in awaited where end <= last.at {
            recoveries[fault, default: []].append(now - end)
            chronicle.note("\(Int(wanted)) jobs a second again, \((now - end).text) after \(fault)")
        }
        awaited.removeAll { $0.ended <= last.at }
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
