-- lock-refund: a refund's row, locked until the transaction ends. Called by RefundRows.lock.
-- $1 id
-- is_owed: its payment is for an order that has ended unpaid, so all of it has to go back.
SELECT refund.id, refund.amount, charge.currency, refund.state, refund.revision,
    EXISTS (SELECT FROM storefront.entries AS entry WHERE entry.refund_id = refund.id) AS is_booked,
    EXISTS (
        SELECT FROM storefront.orders AS purchase
        WHERE purchase.payment_id = refund.payment_id AND purchase.state NOT IN ('pending', 'paid')) AS is_owed
FROM storefront.refunds AS refund
JOIN storefront.charges AS charge USING (payment_id)
WHERE refund.id = $1::uuid
FOR UPDATE OF refund
