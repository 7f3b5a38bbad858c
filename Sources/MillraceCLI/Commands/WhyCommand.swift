// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace why`
struct WhyCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Says in plain words why a job has not ended yet, or how it ended.")

    @Argument(help: "Its id.")
    var id: String
    @OptionGroup var output: OutputOptions

    func run(in context: CommandContext) async throws {
        let id = try JobArguments.id(id, option: "id")
        try await context.withStores { stores in
            let job = try await stores.job(id, now: context.now())
            let why = try await Explanation.read(of: job, stores, now: context.now()).text
            guard output.output != .table else {
                return try context.console.write("\(job.state.rawValue): \(why)\n")
            }
            var json = JSONWriter()
            json.object { json in
                json.member("id", "\(job.id)")
                json.member("state", job.state.rawValue)
                json.member("why", why)
            }
            try context.console.write(json.line)
        }
    }
}
