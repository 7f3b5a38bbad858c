// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceCLI

/// A job: its payload is its stored properties, as JSON.
struct Greet: Job {
    static let kind: JobKind = "hello.greet"
    static let defaults = JobOptions(maxAttempts: 5, timeout: .seconds(30))
    var name: String

    struct Output: Codable, Sendable {
        var greeting: String
    }
}

/// The whole program: `hello up` runs the API and its workers, `hello --help` says what else it can do.
@main
struct Hello {
    static func main() async {
        var handlers = JobHandlers()
        handlers.register(Greet.self) { job, context in
            guard !job.name.isEmpty else { throw JobSignal.permanent("nobody to greet") }
            context.logger.info("greeting")
            return Greet.Output(greeting: "Hello, \(job.name)!")
        }
        await MillraceApplication(handlers: handlers).run()
    }
}
