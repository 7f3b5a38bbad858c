-- ask-payment: takes note that the gateway is about to be asked, and reads what for. Called by PaymentRows.ask.
-- $1 id  $2 job's id  $3 how long it may be asked, in ms
UPDATE storefront.payments AS payment
SET asked_at = coalesce(asked_at, now())
WHERE id = $1::uuid AND job_id = $2::uuid
RETURNING id, amount, currency, payment_method, state, revision, intent,
    now() - asked_at > $3::bigint * interval '1 millisecond' AS is_overdue,
    NOT EXISTS (
        SELECT FROM storefront.orders AS purchase
        WHERE purchase.payment_id = payment.id AND purchase.state <> 'pending') AS is_wanted
