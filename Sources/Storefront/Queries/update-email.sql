-- update-email: writes what became of a mail at an attempt. Called by EmailRows.end, in the transaction of the job's
-- outcome, and by EmailRows.defer.
-- $1 job's id  $2 state  $3 code of the server's answer  $4 answer
UPDATE storefront.emails
SET state = $2::text, code = $3::integer, answer = $4::text, updated_at = now(),
    ended_at = CASE WHEN $2::text <> 'deferred' THEN now() END
WHERE id = $1::uuid
