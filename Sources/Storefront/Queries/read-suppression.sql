-- read-suppression: why an address gets no mail. Called by EmailRows.suppression.
-- $1 address in lower case
SELECT created_at, email_id, answer
FROM storefront.suppressions
WHERE address = $1::text
