// SPDX-License-Identifier: Apache-2.0

/// One of the promises, and how to find what breaks it.
struct Invariant: Sendable {
    let number: Int
    let promise: String
    /// Each names what it finds, one row per violation.
    let rules: [(what: String, sql: String)]
}

extension Invariant {
    /// Those that the ledger, its history and the journals tell of; the others need the run itself.
    static let all: [Invariant] = [
        accepted, recorded, final, attempts, places, convergence, idempotency, budget, memory, pause,
    ]

    private static let accepted = Invariant(
        number: 1, promise: "every accepted job ends in one final row",
        rules: [
            (
                "lost",
                """
                SELECT a.id FROM torture.accepted AS a LEFT JOIN millrace.job_rows AS job ON job.id = a.id
                LEFT JOIN torture.serials ON serials.serial = a.serial
                WHERE job.id IS NULL AND entrusted_us IS NULL
                """
            ),
            (
                "entrusted to Redis and lost, though Redis has lost nothing since",
                """
                SELECT a.id FROM torture.accepted AS a LEFT JOIN millrace.job_rows AS job ON job.id = a.id
                JOIN torture.serials ON serials.serial = a.serial
                WHERE job.id IS NULL
                  AND NOT EXISTS (SELECT FROM torture.excuses WHERE is_loss AND until_us > entrusted_us)
                  AND entrusted_us IS NOT NULL
                """
            ),
            (
                "accepted and not ended",
                "SELECT id FROM torture.accepted JOIN millrace.job_rows AS job USING (id) WHERE state < 'completed'"
            ),
            (
                "there without having been submitted, or although refused",
                """
                SELECT id FROM torture.jobs WHERE NOT EXISTS (
                  SELECT FROM torture.serials WHERE serials.serial = jobs.serial AND NOT is_refused)
                """
            ),
            (
                "cancelled without having been asked to",
                """
                SELECT id FROM millrace.job_rows AS job
                WHERE state = 'cancelled' AND NOT EXISTS (SELECT FROM torture.cancels WHERE cancels.id = job.id)
                """
            ),
            (
                "told to be cancelled, and not cancelled",
                """
                SELECT id FROM torture.cancels JOIN millrace.job_rows AS job USING (id)
                WHERE status IN (200, 202) AND state <> 'cancelled' AND id NOT IN (SELECT id FROM torture.reopened)
                """
            ),
        ])

    /// What it is allowed to lose: jobs of durability `redis` that were there when Redis lost its data.
    static let lostWithRedis = """
        SELECT a.id FROM torture.accepted AS a JOIN torture.serials ON serials.serial = a.serial
        WHERE NOT EXISTS (SELECT FROM millrace.job_rows AS job WHERE job.id = a.id)
          AND EXISTS (SELECT FROM torture.excuses WHERE is_loss AND until_us > entrusted_us)
        """

    private static let recorded = Invariant(
        number: 2, promise: "recorded once, and the rows of an attempt are there if and only if it is the recorded one",
        rules: [
            (
                "recorded twice",
                """
                \(recordedTwice)
                """
            ),
            (
                "recorded by another attempt than the one that held the job",
                """
                SELECT id FROM millrace.job_rows
                WHERE state = 'completed' AND (result->>'attempt')::integer IS DISTINCT FROM attempt
                """
            ),
            (
                "rows of an attempt that is not the recorded one",
                """
                SELECT job FROM torture.rows WHERE NOT EXISTS (
                  SELECT FROM torture.recordings
                  WHERE recordings.job = rows.job AND recordings.attempt = rows.attempt)
                UNION ALL
                SELECT id FROM torture.followers WHERE NOT EXISTS (
                  SELECT FROM torture.recordings
                  WHERE recordings.job = followers.leader AND recordings.attempt = followers.of_attempt)
                """
            ),
            (
                "recorded without its one row, or its one follower",
                """
                SELECT recordings.job FROM torture.recordings JOIN torture.jobs ON jobs.id = recordings.job
                LEFT JOIN torture.rows ON rows.job = recordings.job AND rows.attempt = recordings.attempt
                WHERE mode IN ('row', 'conflict') GROUP BY recordings.job, recordings.attempt HAVING count(rows.job) <> 1
                UNION ALL
                SELECT recordings.job FROM torture.recordings JOIN torture.jobs ON jobs.id = recordings.job
                LEFT JOIN torture.followers
                ON followers.leader = recordings.job AND followers.of_attempt = recordings.attempt
                WHERE mode = 'follow' GROUP BY recordings.job, recordings.attempt HAVING count(followers.id) <> 1
                """
            ),
        ])

    /// More often than an operator had it run.
    static let recordedTwice = """
        SELECT job FROM torture.history LEFT JOIN torture.reopened ON reopened.id = job
        WHERE state >= 'completed' AND state_before < 'completed'
        GROUP BY job HAVING count(*) > 1 + coalesce(max(times), 0)
        """

    private static let final = Invariant(
        number: 3, promise: "a final row changes by an operator's retry alone, and nothing starts after it",
        rules: [
            (
                "changed", "SELECT job FROM torture.history WHERE state_before >= 'completed' AND state <> 'ready'"
            ),
            (
                "opened again without having been asked to",
                """
                SELECT id FROM torture.reopened LEFT JOIN torture.retries USING (id)
                WHERE times > coalesce(asked, 0)
                """
            ),
            (
                "told to be opened again, and not opened",
                """
                SELECT id FROM torture.retries LEFT JOIN torture.reopened USING (id)
                WHERE granted > coalesce(times, 0)
                """
            ),
            (
                "started twice under one claim",
                """
                SELECT id FROM torture.starts LEFT JOIN torture.serials USING (serial)
                WHERE attempt > 1 OR entrusted_us IS NULL
                GROUP BY id, attempt HAVING count(*) > 1
                """
            ),
            (
                "entrusted to Redis and begun twice, though nobody has brought them back",
                """
                SELECT id FROM torture.starts JOIN torture.serials USING (serial)
                WHERE attempt = 1
                  AND NOT EXISTS (SELECT FROM torture.excuses WHERE until_us > entrusted_us)
                  AND entrusted_us IS NOT NULL
                GROUP BY id HAVING count(*) > 1
                """
            ),
            (
                "started without a claim",
                """
                SELECT id FROM torture.starts LEFT JOIN torture.serials USING (serial)
                WHERE (attempt > 1 OR entrusted_us IS NULL) AND NOT EXISTS (
                  SELECT FROM torture.history
                  WHERE job = starts.id AND history.attempt = starts.attempt AND attempt_before < starts.attempt)
                """
            ),
        ])

    private static let attempts = Invariant(
        number: 4, promise: "attempts grow by one, in a claim, and a live holder is not refused",
        rules: [
            (
                "attempts that jumped, or grew outside of a claim",
                """
                SELECT job FROM torture.history
                WHERE attempt NOT IN (attempt_before, attempt_before + 1)
                  OR attempt > attempt_before AND state <> 'running' AND NOT is_first
                """
            ),
            (
                "attempts other than claims, and the first ones that need none",
                """
                SELECT job.id FROM millrace.job_rows AS job
                LEFT JOIN torture.history ON history.job = job.id AND history.attempt > history.attempt_before
                GROUP BY job.id, job.attempt HAVING count(history.job) <> job.attempt
                """
            ),
        ])

    private static let places = Invariant(
        number: 5, promise: "an id is in one place in Redis, counters are right, no key of a finished job remains",
        rules: [
            (
                "jobs counted as completed besides those that are",
                """
                SELECT counted - real
                FROM (SELECT sum(completed) AS counted FROM millrace.finished_counts) AS counted,
                  (SELECT count(*) AS real FROM millrace.job_rows WHERE state = 'completed') AS real
                WHERE counted <> real
                """
            )
        ])

    private static let convergence = Invariant(
        number: 6, promise: "from whatever Redis holds, every row becomes final",
        rules: [("not ended", "SELECT id FROM millrace.job_rows WHERE state < 'completed'")])

    private static let idempotency = Invariant(
        number: 7, promise: "what is asked twice happens once",
        rules: [
            (
                "jobs of one request under two ids",
                "SELECT serial FROM torture.jobs GROUP BY serial HAVING count(*) > 1"
            )
        ])

    private static let budget = Invariant(
        number: 8, promise: "crashes and outages spend no retries",
        rules: [
            (
                "failures that no handler had",
                """
                SELECT id FROM torture.jobs
                WHERE failures > (mode IN ('retry', 'conflict'))::integer
                  OR mode IN ('retry', 'conflict') AND state = 'completed' AND failures <> 1
                """
            ),
            ("dead", "SELECT id FROM millrace.job_rows WHERE state = 'dead'"),
        ])

    private static let memory = Invariant(number: 9, promise: "memory is bounded", rules: [])

    private static let pause = Invariant(
        number: 10, promise: "nothing is claimed in a queue that is paused",
        rules: [
            (
                "claimed by a call that came after the answer to the pause, and before the resumption was asked for",
                """
                SELECT job FROM torture.history JOIN torture.pauses USING (queue)
                WHERE attempt > attempt_before AND NOT is_first
                  AND extract(epoch FROM asked_at) * 1000000 BETWEEN from_us AND to_us
                """
            )
        ])
}
