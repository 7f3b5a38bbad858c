-- read-email: a mail and the state of its job. Called by EmailRows.read.
-- $1 job's id
-- The job is forgotten after some days; then the state is null.
SELECT
    email.recipient, email.created_at, email.updated_at, email.ended_at, email.message_id, email.state, email.attempts,
    email.code, email.answer,
    (SELECT job.state FROM millrace.jobs AS job WHERE job.id = email.id) AS job_state
FROM storefront.emails AS email
WHERE email.id = $1::uuid
