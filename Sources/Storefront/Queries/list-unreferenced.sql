-- list-unreferenced: those of some blobs that no photo and no mail that is still to be sent refers to. Called by
-- BlobSweeper, and under take-blob-lock, as a statement of its own, so that it sees what was committed before the lock
-- was given.
-- $1 SHA-256s
SELECT wanted.digest
FROM unnest($1::bytea[]) AS wanted (digest)
WHERE NOT EXISTS (SELECT FROM storefront.photos WHERE original = wanted.digest)
    AND NOT EXISTS (SELECT FROM storefront.photo_variants AS variant WHERE variant.digest = wanted.digest)
    AND NOT EXISTS (
        SELECT
        FROM storefront.email_attachments AS attached
        JOIN storefront.emails AS email ON email.id = attached.email_id
        WHERE attached.digest = wanted.digest AND email.ended_at IS NULL
    )
