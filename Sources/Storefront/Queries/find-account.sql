-- find-account: the account of an address, and whether a device has logged in to it before. Called by
-- AccountRows.find.
-- $1 email  $2 SHA-256 of the device's token, null = none
SELECT
    id, created_at, email, name, password_hash, password_version,
    EXISTS (SELECT FROM storefront.devices WHERE digest = $2::bytea AND user_id = users.id) AS knows_device
FROM storefront.users
WHERE lower(email COLLATE "C") = lower($1::text COLLATE "C")
