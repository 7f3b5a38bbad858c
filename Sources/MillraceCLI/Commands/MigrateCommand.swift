// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace

/// `millrace migrate`
struct MigrateCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the database to the schema of this release.",
        discussion: """
            Any number of processes may do so at once, any number of times. Run it before processes of a new release \
            are started; they refuse a schema that they do not know. Others go on writing meanwhile. On a large ledger it \
            may take long; one that was interrupted goes on where it was.
            """)

    @OptionGroup var file: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions

    func run(in context: CommandContext) async throws {
        // Nothing in it matters here, but a script that names a file should hear of its faults now and not at the next
        // command.
        if file.config != nil { _ = try file.load(in: context) }
        let logger = context.logger(try logging.level(context.environment))
        let stores = try context.openStores(StoreAddresses(environment: context.environment), .brief, logger)
        let ran = try await stores.migrate()
        await stores.close()
        context.console.note(
            ran.isEmpty ? "the schema is up to date" : "\(ran.count) migrations ran, the schema is up to date")
    }
}
