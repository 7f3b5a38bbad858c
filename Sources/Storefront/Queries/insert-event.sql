-- insert-event: takes note of an event, unless it is known, and forgets some that are too old to come again. Called by
-- PaymentRows.keepEvent, in the transaction that submits its job.
-- $1 id  $2 type  $3 how long it is remembered, in ms
WITH old AS (
    SELECT id
    FROM storefront.gateway_events
    WHERE received_at < now() - $3::bigint * interval '1 millisecond'
    ORDER BY received_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED
), forgotten AS (
    DELETE FROM storefront.gateway_events AS event USING old WHERE event.id = old.id
)
INSERT INTO storefront.gateway_events (id, type)
VALUES ($1::text, $2::text)
ON CONFLICT (id) DO NOTHING
