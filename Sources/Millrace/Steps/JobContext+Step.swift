// SPDX-License-Identifier: Apache-2.0

import Logging

extension JobContext {
    /// Does a part of the job once: what it returns is remembered in the ledger, and a later run gets it instead of doing it
    /// again.
    ///
    /// ```swift
    /// let charge = try await context.step("charge") {
    ///     try await provider.charge(job.amount, idempotencyKey: context.idempotencyKey(for: "charge"))
    /// }
    /// ```
    ///
    /// The result is committed before this returns, under this run's fence, and survives every retry, also an operator's. A
    /// run that dies between the end of `body` and that commit does it again, so an effect outside needs its idempotency key
    /// all the same. An error of `body` is not remembered and comes out as it is. While the ledger is away the commit is
    /// repeated until the run's deadline; cancelling the task does not interrupt it.
    /// - Parameters:
    ///   - name: 1 to 64 characters of `[a-z0-9._-]`; used once in a run, and for the same thing in every release that meets
    ///     the job. At most ``Limits/stepsMax`` in a job.
    ///   - body: its result has at most ``Limits/stepBytesMax`` bytes as JSON; a longer one ends the job, since it could only be
    ///     done again.
    /// - Throws: what `body` throws; ``StepError``. A store that fails costs the job nothing: rethrow whatever comes.
    public func step<Result: Codable & Sendable>(
        _ name: String, _ body: () async throws -> Result
    ) async throws -> Result {
        guard JobKind(name) != nil else {
            throw StepError(.nameInvalid, "\"\(name.prefix(80))\": a name is 1 to 64 characters of [a-z0-9._-]")
        }
        if !steps.isLoaded { steps.load(try await submitter.ledger.steps(of: id)) }
        if let known = try steps.begin(name) { return try Self.decoded(known, of: name) }
        let result = try await body()
        try await remember(name, try encodedJSON(result))
        return result
    }

    /// As above, for what returns nothing: that it was done is remembered.
    public func step(_ name: String, _ body: () async throws -> Void) async throws {
        _ = try await step(name) {
            try await body()
            return NoOutput()
        }
    }

    /// The key for the effects of a step outside: the same in every run of this job.
    public func idempotencyKey(for step: String) -> String { "\(id)/\(step)" }

    private static func decoded<Result: Decodable>(_ json: [UInt8], of name: String) throws(StepError) -> Result {
        do {
            return try decodedJSON(json)
        } catch {
            throw StepError(
                .resultUnreadable, "what an earlier run of \"\(name)\" returned is not a \(Result.self): \(error)")
        }
    }

    private func remember(_ name: String, _ result: [UInt8]) async throws {
        guard result.count <= Limits.stepBytesMax else {
            throw JobSignal.permanent(
                "step \"\(name)\" returned \(result.count) bytes, at most \(Limits.stepBytesMax) can be remembered")
        }
        // Shielded from a cancellation of the run: what is done must not be forgotten for it. Ends by the run's deadline.
        let recording = Task { try await commit(name, result) }
        try await recording.value
    }

    private func commit(_ name: String, _ result: [UInt8]) async throws {
        var delay = Duration.milliseconds(50)
        while true {
            do {
                if let unclaimed { try await submitter.ledger.adopt([unclaimed]) }
                switch try await submitter.ledger.recordStep(name, result: result, of: id, attempt: attempt) {
                case .recorded: return
                case .fenced: throw RunInterrupted("attempt \(attempt) was fenced off, or cancelled")
                }
            } catch let error as LedgerError {
                guard error.isStoreAway, ContinuousClock.now + delay < deadline else { throw error }
                logger.debug("a step's result waits for the ledger", metadata: [.error: "\(error)"])
                try await Task.sleep(for: delay)
                delay = min(delay * 2, .seconds(1))
            }
        }
    }
}
