-- insert-session: opens a session, and ends those of the user that were used longest ago where there are too many.
-- Called by AccountRows.openSession, the account being locked.
-- $1 SHA-256 of the token  $2 user's id  $3 how long it lasts at most (ms)  $4 how many a user may have
WITH surplus AS (
    DELETE FROM storefront.sessions
    WHERE digest IN (
        SELECT digest FROM storefront.sessions WHERE user_id = $2::uuid ORDER BY used_at DESC OFFSET $4::bigint - 1)
)
INSERT INTO storefront.sessions (digest, user_id, expires_at)
VALUES ($1::bytea, $2::uuid, now() + $3::bigint * interval '1 millisecond')
RETURNING expires_at
