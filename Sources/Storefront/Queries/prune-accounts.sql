-- prune-accounts: deletes sessions, devices, tokens and attempts that count no more. Called by AccountPruner until it
-- returns 0. Rows that others hold are left for the next time.
-- $1 how long a device is remembered (ms)  $2 rows of each table at most
WITH ended AS (
    DELETE FROM storefront.sessions
    WHERE digest IN (
        SELECT digest FROM storefront.sessions WHERE expires_at <= now() LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING 1
), forgotten AS (
    DELETE FROM storefront.devices
    WHERE digest IN (
        SELECT digest
        FROM storefront.devices
        WHERE used_at <= now() - $1::bigint * interval '1 millisecond'
        LIMIT $2::bigint
        FOR UPDATE SKIP LOCKED)
    RETURNING 1
), expired AS (
    DELETE FROM storefront.password_resets
    WHERE digest IN (
        SELECT digest FROM storefront.password_resets WHERE expires_at <= now() LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING 1
), cleared AS (
    DELETE FROM storefront.attempts
    WHERE key IN (
        SELECT key FROM storefront.attempts WHERE clear_at <= now() LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM ended) + (SELECT count(*) FROM forgotten) + (SELECT count(*) FROM expired)
    + (SELECT count(*) FROM cleared) AS count
