-- delete-session: ends a session. Called by AccountRows.closeSession.
-- $1 SHA-256 of the token
DELETE FROM storefront.sessions WHERE digest = $1::bytea
