-- list-refunds: a payment's refunds, the newest first. Called by RefundRows.list.
-- $1 payment's id  $2 at most so many
SELECT refund.id, refund.job_id, refund.created_at, refund.settled_at, refund.amount, charge.currency, refund.state,
    refund.code
FROM storefront.refunds AS refund
JOIN storefront.charges AS charge USING (payment_id)
WHERE refund.payment_id = $1::uuid
ORDER BY refund.created_at DESC, refund.id DESC
LIMIT $2::integer
