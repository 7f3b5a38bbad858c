-- remember-device: notes that a device has logged in, and forgets those of the user that did so longest ago where there
-- are too many. Called by AccountRows.remember, the account being locked.
-- $1 SHA-256 of the device's token  $2 user's id  $3 how many a user may have
WITH surplus AS (
    DELETE FROM storefront.devices
    WHERE digest IN (
        SELECT digest
        FROM storefront.devices
        WHERE user_id = $2::uuid AND digest <> $1::bytea
        ORDER BY used_at DESC
        OFFSET $3::bigint - 1)
)
INSERT INTO storefront.devices (digest, user_id)
VALUES ($1::bytea, $2::uuid)
ON CONFLICT (digest) DO UPDATE SET used_at = now()
