-- list-forgotten: pending orders whose payment no job looks after any more, the oldest first. Called by
-- OrderRows.forgotten.
-- $1 how old they are, in ms  $2 and those that the gateway works on  $3 how many
-- The charge's job has ended, or its row is no longer kept. A customer who was asked had much less time than $1; of what
-- the gateway works on payments.watch has had an end before $2. What is for people to decide waits for them.
SELECT purchase.id, payment.state AS payment_state
FROM storefront.orders AS purchase
JOIN storefront.payments AS payment ON payment.id = purchase.payment_id
WHERE purchase.state = 'pending'
    AND purchase.created_at < now() - interval '1 millisecond'
        * CASE payment.state WHEN 'processing' THEN $2::bigint ELSE $1::bigint END
    AND payment.state IN ('pending', 'requires_action', 'processing')
    AND NOT EXISTS (SELECT FROM millrace.jobs AS job WHERE job.id = payment.job_id AND job.finished_at IS NULL)
ORDER BY purchase.id
LIMIT $3::bigint
