-- insert-emails: writes mails that are being submitted. Called by EmailRows.insert, in the transaction of their jobs.
-- arrays of one length: $1 jobs' ids  $2 recipients
-- $3 SHA-256s of the attachments, which all of them have
WITH written AS (
    INSERT INTO storefront.emails (id, recipient)
    SELECT * FROM unnest($1::uuid[], $2::text[])
    RETURNING id
)
INSERT INTO storefront.email_attachments (email_id, digest)
SELECT written.id, attached.digest
FROM written
CROSS JOIN unnest($3::bytea[]) AS attached (digest)
