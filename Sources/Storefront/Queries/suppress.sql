-- suppress: sends no more mail to an address. Called by EmailRows.suppress, in the transaction of the job's outcome.
-- $1 address in lower case  $2 id of the mail that was refused  $3 answer
INSERT INTO storefront.suppressions (address, email_id, answer)
VALUES ($1::text, $2::uuid, $3::text)
ON CONFLICT (address) DO NOTHING
