-- m0004_create_accounts: users, and what they prove themselves with. Of every secret there is only a hash.

CREATE TABLE storefront.users (
    id               uuid PRIMARY KEY,
    created_at       timestamptz NOT NULL DEFAULT now(),
    email            text NOT NULL CHECK (octet_length(email) <= 254),
    name             text NOT NULL CHECK (octet_length(name) <= 200),
    password_hash    text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    password_version bigint NOT NULL DEFAULT 1    -- grows by one with every new password
);
CREATE UNIQUE INDEX users_by_email ON storefront.users (lower(email COLLATE "C"));

-- At most 20 of a user.
CREATE TABLE storefront.sessions (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),    -- SHA-256 of the token
    user_id    uuid NOT NULL REFERENCES storefront.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL DEFAULT now()                      -- exact to a minute; in no index, so that it is cheap
) WITH (fillfactor = 50);
CREATE INDEX ON storefront.sessions (user_id);
CREATE INDEX ON storefront.sessions (expires_at);

-- From where a user has logged in before; at most 20 of a user.
CREATE TABLE storefront.devices (
    digest  bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id uuid NOT NULL REFERENCES storefront.users ON DELETE CASCADE,
    used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON storefront.devices (user_id);
CREATE INDEX ON storefront.devices (used_at);

-- Unused tokens; at most 3 of a user.
CREATE TABLE storefront.password_resets (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id    uuid NOT NULL REFERENCES storefront.users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON storefront.password_resets (user_id);
CREATE INDEX ON storefront.password_resets (expires_at);

-- What is counted is in the key: a SHA-256, as addresses of people and machines are nobody's business here.
CREATE TABLE storefront.attempts (
    key      bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    clear_at timestamptz NOT NULL                                      -- when it is as if nothing had been tried
) WITH (fillfactor = 50);
