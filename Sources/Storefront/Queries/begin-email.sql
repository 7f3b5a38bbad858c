-- begin-email: takes note of an attempt, and tells what is known of the mail. Called by EmailRows.begin.
-- $1 job's id  $2 recipient  $3 Message-ID, kept from the first attempt on  $4 attempt
-- $5 the recipient as suppressions have it
-- A mail whose job was submitted without a row has one from here on. One that was sent stays so.
INSERT INTO storefront.emails AS email (id, recipient, message_id, state, attempts)
VALUES ($1::uuid, $2::text, $3::text, 'sending', $4::integer)
ON CONFLICT (id) DO UPDATE SET
    message_id = coalesce(email.message_id, excluded.message_id),
    attempts = excluded.attempts,
    updated_at = now(),
    state = CASE email.state WHEN 'sent' THEN 'sent' ELSE 'sending' END,
    ended_at = CASE email.state WHEN 'sent' THEN email.ended_at END
RETURNING
    email.message_id, email.state = 'sent' AS is_sent, email.answer,
    EXISTS (SELECT FROM storefront.suppressions WHERE address = $5::text) AS is_suppressed,
    (SELECT id FROM storefront.blob_stores) AS store
