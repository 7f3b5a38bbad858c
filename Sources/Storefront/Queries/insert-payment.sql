-- insert-payment: writes a payment that was asked for. Called by PaymentRows.insert, in the transaction that submits its job.
-- $1 id  $2 job's id  $3 amount  $4 currency  $5 payment method
INSERT INTO storefront.payments (id, job_id, amount, currency, payment_method)
VALUES ($1::uuid, $2::uuid, $3::bigint, $4::text, $5::text)
