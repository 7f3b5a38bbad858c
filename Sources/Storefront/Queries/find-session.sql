-- find-session: the user of a live session, which is thereby used. Called by Sessions for each request. The time is
-- written only when it is older than a minute or so: most requests only read.
-- $1 SHA-256 of the token  $2 how long it may go unused (ms)  $3 how exact the time is (ms)
WITH used AS (
    UPDATE storefront.sessions
    SET used_at = now()
    WHERE digest = $1::bytea AND expires_at > now()
        AND used_at > now() - $2::bigint * interval '1 millisecond'
        AND used_at <= now() - $3::bigint * interval '1 millisecond'
)
SELECT user_id
FROM storefront.sessions
WHERE digest = $1::bytea AND expires_at > now()
    AND used_at > now() - $2::bigint * interval '1 millisecond'
