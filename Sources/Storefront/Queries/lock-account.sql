-- lock-account: a user's password, which nobody changes until the transaction ends. Called by AccountRows.lock before
-- it is relied upon or replaced, and before rows of the user are counted.
-- $1 id
SELECT password_hash, password_version
FROM storefront.users
WHERE id = $1::uuid
FOR NO KEY UPDATE
