// SPDX-License-Identifier: Apache-2.0

import Millrace

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Who this process is.
enum WorkerIdentity {
    /// Holds the number that the supervisor drew for a child: 16 hexadecimal digits.
    static let processVariable = "MILLRACE_PROCESS_ID"

    /// Says to a child what its supervisor wants of it with jobs that must run alone: ``SuspectDuty``.
    static let suspectsVariable = "MILLRACE_SUSPECTS"

    enum SuspectDuty: String {
        /// Another child runs them.
        case leave
        /// It runs nothing else.
        case only
    }

    /// nil for a process without a supervisor.
    static func suspectDuty(_ environment: [String: String]) -> SuspectDuty? {
        environment[suspectsVariable].flatMap(SuspectDuty.init)
    }

    /// The number that the supervisor drew, else a fresh one.
    static func process(_ environment: [String: String]) -> ProcessID {
        if let process = environment[processVariable].flatMap({ ProcessID($0) }) { return process }
        var generator = SystemRandomNumberGenerator()
        return ProcessID(number: generator.next())
    }

    static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
