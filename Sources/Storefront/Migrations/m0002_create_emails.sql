-- m0002_create_emails: what became of each mail, what its attachments are, and whom no mail is sent any more.

CREATE TABLE storefront.emails (
    id         uuid PRIMARY KEY,                    -- the email.send job's
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,                         -- null until the state is sent, rejected or suppressed
    recipient  text NOT NULL,
    message_id text,                                -- the header, angle brackets included; null before the first attempt
    state      text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sending', 'deferred', 'sent', 'rejected', 'suppressed')),
    attempts   integer NOT NULL DEFAULT 0,          -- runs of its job that have begun
    code       integer,                             -- of the server's last answer; null when it gave none
    answer     text,                                -- the last that was heard, on one line
    CHECK ((ended_at IS NOT NULL) = (state IN ('sent', 'rejected', 'suppressed')))
);
CREATE INDEX ON storefront.emails (recipient);

-- As long as a mail has not ended its attachments' blobs are kept.
CREATE TABLE storefront.email_attachments (
    email_id uuid NOT NULL REFERENCES storefront.emails ON DELETE CASCADE,
    digest   bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (email_id, digest)
);
CREATE INDEX ON storefront.email_attachments (digest);

-- Addresses that a server has refused for good. To lift one, delete its row.
CREATE TABLE storefront.suppressions (
    address    text PRIMARY KEY,                    -- in lower case
    created_at timestamptz NOT NULL DEFAULT now(),
    email_id   uuid NOT NULL,                       -- the mail that was refused
    answer     text NOT NULL
);
