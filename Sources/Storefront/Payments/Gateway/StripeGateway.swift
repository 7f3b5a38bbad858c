// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Millrace
import NIOCore
import NIOHTTP1

/// A payment gateway that speaks Stripe's HTTP API.
///
/// Every call that changes something there carries an idempotency key, the same whenever it is repeated: within a day the
/// gateway carries it out once, and repeats its answer.
struct StripeGateway: Sendable {
    /// The fields in which our own ids go along.
    static let paymentField = "millrace_payment"
    static let refundField = "millrace_refund"
    /// Whatever the account's default: answers keep their form.
    private static let version = "2024-06-20"
    private static let pageLength = 100
    private static let pagesMax = 1000
    /// As many as one process can run handlers: none waits for another's call.
    private static let connectionsMax = 1000

    /// One for the process, for as long as it lives. It follows no redirects: a key goes where the operator said.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(
            connect: .seconds(5), read: .nanoseconds(PaymentLimits.callTimeout.nanoseconds))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsMax
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private let configuration: GatewayConfiguration
    private let timeout: Duration

    init(_ configuration: GatewayConfiguration, timeout: Duration = PaymentLimits.callTimeout) {
        self.configuration = configuration
        self.timeout = timeout
    }

    // MARK: - Payments

    /// Makes an intent that waits to be confirmed: no money moves.
    func createIntent(
        of amount: StripeAmount, method: String, for payment: PaymentID, key: String
    ) async throws(GatewayError) -> GatewayIntent {
        let form: FormBody = [
            "amount": "\(amount.value)", "currency": amount.currency, "payment_method": method,
            "payment_method_types[]": "card", "metadata[\(Self.paymentField)]": "\(payment)",
        ]
        return try read(GatewayIntent.init, try await post("/v1/payment_intents", form, key: key))
    }

    /// Moves the money.
    func confirm(_ intent: String, key: String) async throws(GatewayError) -> GatewayIntent {
        try read(GatewayIntent.init, try await post("/v1/payment_intents/\(intent)/confirm", [:], key: key))
    }

    /// Sees to it that an intent cannot be confirmed any more.
    /// - Returns: how it stands then: canceled, or otherwise where it was too late for that.
    func withdraw(_ id: String, key: String) async throws(GatewayError) -> GatewayIntent {
        do throws(GatewayError) {
            return try read(GatewayIntent.init, try await post("/v1/payment_intents/\(id)/cancel", [:], key: key))
        } catch {
            guard error.code == .refused else { throw error }
            return try await intent(id)
        }
    }

    func intent(_ id: String) async throws(GatewayError) -> GatewayIntent {
        try read(GatewayIntent.init, try await get("/v1/payment_intents/\(id)"))
    }

    // MARK: - Refunds

    /// Moves money back.
    func createRefund(
        of amount: StripeAmount, intent: String, for refund: RefundID, key: String
    ) async throws(GatewayError) -> GatewayRefund {
        let form: FormBody = [
            "payment_intent": intent, "amount": "\(amount.value)", "metadata[\(Self.refundField)]": "\(refund)",
        ]
        return try read(GatewayRefund.init, try await post("/v1/refunds", form, key: key))
    }

    func refund(_ id: String) async throws(GatewayError) -> GatewayRefund {
        try read(GatewayRefund.init, try await get("/v1/refunds/\(id)"))
    }

    /// The refund that carries our own id; nil when the gateway has none.
    func findRefund(_ refund: RefundID, of intent: String) async throws(GatewayError) -> GatewayRefund? {
        var last: String?
        for _ in 0..<Self.pagesMax {
            let after = last.map { "&starting_after=\($0)" } ?? ""
            let page = try await get("/v1/refunds?payment_intent=\(intent)&limit=\(Self.pageLength)\(after)")
            guard let refunds = page.objects("data") else { throw .strange("a list of refunds has no data") }
            for answer in refunds {
                let found = try read(GatewayRefund.init, answer)
                if found.refund == refund { return found }
                last = found.id
            }
            if refunds.isEmpty || page.bool("has_more") != true { return nil }
        }
        throw .strange("over \(Self.pagesMax) pages of refunds")
    }

    // MARK: - Calls

    private func read<Record>(
        _ record: (GatewayAnswer) -> Record?, _ answer: GatewayAnswer
    ) throws(GatewayError) -> Record {
        guard let value = record(answer) else { throw .strange("not a whole \(Record.self)") }
        return value
    }

    private func get(_ path: String) async throws(GatewayError) -> GatewayAnswer {
        try await send(HTTPClientRequest(url: configuration.address + path), "GET \(path)")
    }

    private func post(_ path: String, _ form: FormBody, key: String) async throws(GatewayError) -> GatewayAnswer {
        var request = HTTPClientRequest(url: configuration.address + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Idempotency-Key", value: key)
        request.body = .bytes(ByteBuffer(string: form.text))
        return try await send(request, "POST \(path)")
    }

    private func send(_ request: HTTPClientRequest, _ call: String) async throws(GatewayError) -> GatewayAnswer {
        var request = request
        request.headers.add(name: "Authorization", value: "Bearer \(configuration.key.revealed)")
        request.headers.add(name: "Stripe-Version", value: Self.version)
        let response: HTTPClientResponse
        let bytes: ByteBuffer
        do {
            response = try await Self.client.execute(request, timeout: .nanoseconds(timeout.nanoseconds))
            bytes = try await response.body.collect(upTo: PaymentLimits.answerBytesMax)
        } catch {
            throw GatewayError(.away, "\(call): \(error)")
        }
        let answer = GatewayAnswer(Array(bytes.readableBytesView))
        guard 200..<300 ~= response.status.code else {
            throw GatewayError(
                call, isChange: request.method == .POST, status: response.status.code, headers: response.headers,
                answer?.object("error"))
        }
        guard let answer else { throw .strange("\(call): not a JSON object") }
        return answer
    }
}

extension GatewayError {
    fileprivate static func strange(_ message: String) -> GatewayError { GatewayError(.unintelligible, message) }

    /// What an answer other than success means.
    fileprivate init(
        _ call: String, isChange: Bool, status: UInt, headers: HTTPHeaders, _ error: GatewayAnswer?
    ) {
        // Only what changes something can be refused; what cannot be read is an operator's, or a defect's.
        let isRefusal = isChange && ["card_error", "invalid_request_error"].contains(error?.string("type"))
        let code: Code =
            switch status {
            case 400, 402, 404: isRefusal ? .refused : .unintelligible
            case 401, 403: .misconfigured
            case 409, 429, 500...: .away
            default: .unintelligible
            }
        let retryAfter = headers.first(name: "Retry-After").flatMap { Int64($0) }.flatMap { seconds in
            seconds >= 0 ? min(.seconds(seconds), PaymentLimits.retryAfterMax) : nil
        }
        self.init(
            code, "\(call): status \(status)",
            reason: error.flatMap { $0.string("decline_code") ?? $0.string("code") }, retryAfter: retryAfter)
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 { milliseconds * 1_000_000 }
}
