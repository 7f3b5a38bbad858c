-- lock-refund: a refund's row, locked until the transaction ends. Called by RefundRows.lock.
-- $1 id
SELECT refund.id, refund.amount, charge.currency, refund.state, refund.revision
FROM storefront.refunds AS refund
JOIN storefront.charges AS charge USING (payment_id)
WHERE refund.id = $1::uuid
FOR UPDATE OF refund
