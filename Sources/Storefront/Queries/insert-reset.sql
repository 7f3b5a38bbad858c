-- insert-reset: notes a token that lets a user choose another password; none when there are enough that are still good.
-- Called by AccountRows.insertReset, the account being locked.
-- $1 SHA-256 of the token  $2 user's id  $3 how long it is good (ms)  $4 how many a user may have
INSERT INTO storefront.password_resets (digest, user_id, expires_at)
SELECT $1::bytea, $2::uuid, now() + $3::bigint * interval '1 millisecond'
WHERE (SELECT count(*) FROM storefront.password_resets WHERE user_id = $2::uuid AND expires_at > now()) < $4::bigint
