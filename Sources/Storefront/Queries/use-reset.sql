-- use-reset: uses a token up; no row when it was used, or is good no more. Called by AccountRows.useReset, the account
-- being locked.
-- $1 SHA-256 of the token
DELETE FROM storefront.password_resets WHERE digest = $1::bytea AND expires_at > now()
