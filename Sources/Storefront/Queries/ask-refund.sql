-- ask-refund: takes note that the gateway is about to be asked, and reads what for. Called by RefundRows.ask.
-- $1 id  $2 job's id  $3 how long it may be asked, in ms
UPDATE storefront.refunds AS refund
SET asked_at = coalesce(refund.asked_at, now())
FROM storefront.payments AS payment
WHERE refund.id = $1::uuid AND refund.job_id = $2::uuid AND payment.id = refund.payment_id
RETURNING refund.id, refund.amount, payment.currency, payment.intent, refund.state, refund.revision,
    now() - refund.asked_at > $3::bigint * interval '1 millisecond' AS is_overdue
