-- m0010_create_api_keys: who may use the HTTP API, and for what. The secrets themselves are nowhere.

CREATE TABLE millrace.api_keys (
  id                  text        PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8}$'),
  name                text        NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 64),
  digest              bytea       NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256 of 256 random bits
  scopes              text[]      NOT NULL,
  queues              text[],                                                  -- null = all
  requests_per_second integer     CHECK (requests_per_second > 0),             -- null = the API's default
  created_at          timestamptz NOT NULL,
  expires_at          timestamptz,
  revoked_at          timestamptz
);
