// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace

/// The two stores as a request uses them: each call has a deadline, and what fails becomes a problem.
struct Stores: Sendable {
    private let ledger: any JobLedger
    private let broker: any JobBroker
    /// For one call.
    let deadline: Duration
    let keeper: DeadlineKeeper

    init(ledger: any JobLedger, broker: any JobBroker, deadline: Duration, keeper: DeadlineKeeper) {
        self.ledger = ledger
        self.broker = broker
        self.deadline = deadline
        self.keeper = keeper
    }

    func ledger<Value: Sendable>(
        _ logger: Logger, extra: Duration = .zero,
        _ call: @escaping @Sendable (any JobLedger) async throws(LedgerError) -> Value
    ) async throws(Problem) -> Value {
        switch await ledgerResult(extra: extra, call) {
        case .success(let value): return value
        case .failure(let error):
            logger.debug("the ledger failed a request", metadata: [.error: "\(error)"])
            throw Problem(error, logger: logger)
        }
    }

    func ledgerResult<Value: Sendable>(
        extra: Duration = .zero, _ call: @escaping @Sendable (any JobLedger) async throws(LedgerError) -> Value
    ) async -> Result<Value, LedgerError> {
        let ledger = ledger
        let result = await keeper.within(deadline + extra) { () async -> Result<Value, LedgerError> in
            do throws(LedgerError) {
                return .success(try await call(ledger))
            } catch {
                return .failure(error)
            }
        }
        return result ?? .failure(LedgerError(.outcomeUnknown, "no answer within \((deadline + extra).text)"))
    }

    func broker<Value: Sendable>(
        _ logger: Logger, extra: Duration = .zero,
        _ call: @escaping @Sendable (any JobBroker) async throws(BrokerError) -> Value
    ) async throws(Problem) -> Value {
        switch await brokerResult(extra: extra, call) {
        case .success(let value): return value
        case .failure(let error):
            logger.debug("the broker failed a request", metadata: [.error: "\(error)"])
            throw Problem(error, logger: logger)
        }
    }

    func brokerResult<Value: Sendable>(
        extra: Duration = .zero, _ call: @escaping @Sendable (any JobBroker) async throws(BrokerError) -> Value
    ) async -> Result<Value, BrokerError> {
        let broker = broker
        let result = await keeper.within(deadline + extra) { () async -> Result<Value, BrokerError> in
            do throws(BrokerError) {
                return .success(try await call(broker))
            } catch {
                return .failure(error)
            }
        }
        return result ?? .failure(BrokerError(.outcomeUnknown, "no answer within \((deadline + extra).text)"))
    }
}
