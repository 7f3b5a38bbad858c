-- revoke-access: ends all that a user's old password has let in, and all tokens for another one. Called by
-- AccountRows.revokeAccess, the account being locked.
-- $1 user's id
WITH sessions AS (
    DELETE FROM storefront.sessions WHERE user_id = $1::uuid
), devices AS (
    DELETE FROM storefront.devices WHERE user_id = $1::uuid
)
DELETE FROM storefront.password_resets WHERE user_id = $1::uuid
