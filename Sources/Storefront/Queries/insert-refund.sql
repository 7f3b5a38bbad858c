-- insert-refund: writes a refund that was asked for, if there is a charge. The charge's row is locked first, so that what is left
-- of it is known. Returns its amount, and nothing where there is no charge. Called by RefundRows.insert, in the transaction that
-- submits its job.
-- $1 id  $2 job's id  $3 payment's id  $4 amount, or null for all that is left
WITH charge AS (
    SELECT payment_id, currency, amount - refunding AS left_over
    FROM storefront.charges
    WHERE payment_id = $3::uuid
    FOR UPDATE
)
INSERT INTO storefront.refunds (id, job_id, payment_id, amount)
SELECT $1::uuid, $2::uuid, charge.payment_id, coalesce($4::bigint, charge.left_over)
FROM charge
RETURNING amount, (SELECT charge.currency FROM charge) AS currency
