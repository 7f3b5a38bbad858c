-- find-reset: whose password a token is for. Called by AccountRows.findReset before the new password is hashed.
-- $1 SHA-256 of the token
SELECT user_id FROM storefront.password_resets WHERE digest = $1::bytea AND expires_at > now()
