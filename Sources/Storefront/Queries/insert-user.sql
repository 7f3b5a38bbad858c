-- insert-user: makes an account; none when the address has one, in whatever case. Called by AccountRows.insert.
-- $1 id  $2 email  $3 name  $4 password's hash
INSERT INTO storefront.users (id, email, name, password_hash)
VALUES ($1::uuid, $2::text, $3::text, $4::text)
ON CONFLICT (lower(email COLLATE "C")) DO NOTHING
RETURNING created_at
