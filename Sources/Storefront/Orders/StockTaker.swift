// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillracePostgres

/// Takes what an order wants off the shelf, and says what it costs.
enum StockTaker {
    /// - Throws: a problem, after which the transaction must be rolled back: 409 when there is too little of a product,
    ///   422 when there is no such product, and for a total that cannot be charged.
    static func take(
        _ wanted: [OrderRequest.Line], in transaction: LedgerTransaction
    ) throws -> (lines: [OrderLine], total: Money) {
        let shelf = try ProductRows.take(wanted.map { ($0.product, $0.quantity) }, in: transaction)
        try refuse(.invalidField, wanted) { line in
            shelf[line.product] == nil ? ("product", "there is no product \(line.product)") : nil
        }
        try refuse(.outOfStock, wanted) { line in
            let stock = shelf[line.product]?.stock ?? 0
            return stock < line.quantity
                ? ("quantity", "\(line.quantity) of \(line.product) are wanted, and there are \(stock)") : nil
        }
        let lines = wanted.compactMap { line in
            shelf[line.product].flatMap {
                OrderLine(line.product, name: $0.name, price: $0.price, quantity: line.quantity)
            }
        }
        return (lines, try total(of: lines, count: wanted.count))
    }

    private static func refuse(
        _ kind: Problem.Kind, _ wanted: [OrderRequest.Line],
        because fault: (OrderRequest.Line) -> (member: String, detail: String)?
    ) throws(Problem) {
        var faults = Faults()
        for (index, line) in wanted.enumerated() {
            if let (member, detail) = fault(line) { faults.append(Fault("/lines/\(index)/\(member)", detail)) }
        }
        guard faults.isEmpty else { throw Problem(kind, faults) }
    }

    private static func total(of lines: [OrderLine], count: Int) throws(Problem) -> Money {
        let currencies = Set(lines.map(\.price.currency.code))
        guard currencies.count <= 1 else {
            throw Problem(
                .invalidField,
                Faults(
                    Fault(
                        "/lines", "prices in \(currencies.sorted().joined(separator: ", ")): an order has one currency")
                ))
        }
        guard lines.count == count, let total = Money.sum(lines.map(\.amount)),
            total.minorUnits <= PaymentLimits.amountMax
        else {
            throw Problem(
                .invalidField, Faults(Fault("/lines", "the total is above \(PaymentLimits.amountMax) minor units")))
        }
        guard StripeAmount(total) != nil else {
            let step = StripeAmount.step(of: total.currency)
            throw Problem(
                .invalidField,
                Faults(Fault("/lines", "the total is \(total); the gateway takes steps of \(step) minor units")))
        }
        return total
    }
}
