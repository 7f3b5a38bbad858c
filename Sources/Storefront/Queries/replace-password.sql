-- replace-password: gives an account another password, or the same one hashed anew. Called by
-- AccountRows.replacePassword, the account being locked.
-- $1 id  $2 password's hash  $3 its version: a new one for another password
UPDATE storefront.users SET password_hash = $2::text, password_version = $3::bigint WHERE id = $1::uuid
