-- book-refund: writes a refund's entries: the gateway owes us that much less. Called by RefundRows.book, the refund's row being
-- locked.
-- $1 id
INSERT INTO storefront.entries (payment_id, refund_id, account, currency, debit, credit)
SELECT charge.payment_id, refund.id, line.account, charge.currency, line.debit * refund.amount, line.credit * refund.amount
FROM storefront.refunds AS refund
JOIN storefront.charges AS charge USING (payment_id)
CROSS JOIN (VALUES ('refunds', 1, 0), ('gateway', 0, 1)) AS line (account, debit, credit)
WHERE refund.id = $1::uuid
