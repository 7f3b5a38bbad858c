// SPDX-License-Identifier: Apache-2.0

import PostgresDriver

/// The files of `Queries`, each under its own name.
enum Statements {
    static let adoptJobs = PostgresStatement(name: "adopt-jobs", file: PackageResources.adopt_jobs_sql)
    static let addAPIKey = PostgresStatement(name: "add-api-key", file: PackageResources.add_api_key_sql)
    static let beginWait = PostgresStatement(name: "begin-wait", file: PackageResources.begin_wait_sql)
    static let blameProcess = PostgresStatement(name: "blame-process", file: PackageResources.blame_process_sql)
    static let cancelJob = PostgresStatement(name: "cancel-job", file: PackageResources.cancel_job_sql)
    static let checkLedger = PostgresStatement(name: "check-ledger", file: PackageResources.check_ledger_sql)
    static let claimJobs = PostgresStatement(name: "claim-jobs", file: PackageResources.claim_jobs_sql)
    static let clearFlags = PostgresStatement(name: "clear-flags", file: PackageResources.clear_flags_sql)
    static let countFinished = PostgresStatement(name: "count-finished", file: PackageResources.count_finished_sql)
    static let countFlagged = PostgresStatement(name: "count-flagged", file: PackageResources.count_flagged_sql)
    static let drainClaims = PostgresStatement(name: "drain-claims", file: PackageResources.drain_claims_sql)
    static let endUnclaimable = PostgresStatement(name: "end-unclaimable", file: PackageResources.end_unclaimable_sql)
    static let ensureQueues = PostgresStatement(name: "ensure-queues", file: PackageResources.ensure_queues_sql)
    static let establishEpoch = PostgresStatement(name: "establish-epoch", file: PackageResources.establish_epoch_sql)
    static let expireJobs = PostgresStatement(name: "expire-jobs", file: PackageResources.expire_jobs_sql)
    static let findFree = PostgresStatement(name: "find-free", file: PackageResources.find_free_sql)
    static let findRunning = PostgresStatement(name: "find-running", file: PackageResources.find_running_sql)
    static let findHorizon = PostgresStatement(name: "find-horizon", file: PackageResources.find_horizon_sql)
    static let flagAgain = PostgresStatement(name: "flag-again", file: PackageResources.flag_again_sql)
    static let forgetAPIKeys = PostgresStatement(name: "forget-api-keys", file: PackageResources.forget_api_keys_sql)
    static let forgetKeys = PostgresStatement(name: "forget-keys", file: PackageResources.forget_keys_sql)
    static let holdAttempt = PostgresStatement(name: "hold-attempt", file: PackageResources.hold_attempt_sql)
    static let insertJobs = PostgresStatement(name: "insert-jobs", file: PackageResources.insert_jobs_sql)
    static let insertKeys = PostgresStatement(name: "insert-keys", file: PackageResources.insert_keys_sql)
    static let listAPIKeys = PostgresStatement(name: "list-api-keys", file: PackageResources.list_api_keys_sql)
    static let listFlagged = PostgresStatement(name: "list-flagged", file: PackageResources.list_flagged_sql)
    static let listJobs = PostgresStatement(name: "list-jobs", file: PackageResources.list_jobs_sql)
    static let listPools = PostgresStatement(name: "list-pools", file: PackageResources.list_pools_sql)
    static let listQueues = PostgresStatement(name: "list-queues", file: PackageResources.list_queues_sql)
    static let listUnfinished = PostgresStatement(name: "list-unfinished", file: PackageResources.list_unfinished_sql)
    static let makePartition = PostgresStatement(name: "make-partition", file: PackageResources.make_partition_sql)
    static let makePartitions = PostgresStatement(name: "make-partitions", file: PackageResources.make_partitions_sql)
    static let markSuspects = PostgresStatement(name: "mark-suspects", file: PackageResources.mark_suspects_sql)
    static let pruneJobs = PostgresStatement(name: "prune-jobs", file: PackageResources.prune_jobs_sql)
    static let raiseEpoch = PostgresStatement(name: "raise-epoch", file: PackageResources.raise_epoch_sql)
    static let readBounds = PostgresStatement(name: "read-bounds", file: PackageResources.read_bounds_sql)
    static let readConnections = PostgresStatement(
        name: "read-connections", file: PackageResources.read_connections_sql)
    static let readJobs = PostgresStatement(name: "read-jobs", file: PackageResources.read_jobs_sql)
    static let readPushable = PostgresStatement(name: "read-pushable", file: PackageResources.read_pushable_sql)
    static let readSummaries = PostgresStatement(name: "read-summaries", file: PackageResources.read_summaries_sql)
    static let readKeys = PostgresStatement(name: "read-keys", file: PackageResources.read_keys_sql)
    static let readLifecycles = PostgresStatement(name: "read-lifecycles", file: PackageResources.read_lifecycles_sql)
    static let recordOutcomes = PostgresStatement(name: "record-outcomes", file: PackageResources.record_outcomes_sql)
    static let readSteps = PostgresStatement(name: "read-steps", file: PackageResources.read_steps_sql)
    static let recordStep = PostgresStatement(name: "record-step", file: PackageResources.record_step_sql)
    static let reopenJob = PostgresStatement(name: "reopen-job", file: PackageResources.reopen_job_sql)
    static let revokeAPIKey = PostgresStatement(name: "revoke-api-key", file: PackageResources.revoke_api_key_sql)
    static let setPaused = PostgresStatement(name: "set-paused", file: PackageResources.set_paused_sql)
    static let setPool = PostgresStatement(name: "set-pool", file: PackageResources.set_pool_sql)

    /// All of them, so that a test can prepare each.
    static let all = [
        adoptJobs, beginWait, blameProcess, cancelJob, checkLedger, claimJobs, clearFlags, countFinished, countFlagged,
        drainClaims,
        endUnclaimable, ensureQueues, establishEpoch, expireJobs, findFree, findHorizon, findRunning, flagAgain,
        forgetKeys,
        holdAttempt,
        insertJobs, insertKeys, readSteps, recordStep,
        listFlagged, listJobs, listPools, listQueues, listUnfinished, makePartition, makePartitions,
        markSuspects, pruneJobs,
        raiseEpoch, readBounds, readConnections, readJobs, readKeys, readLifecycles, readPushable, readSummaries,
        recordOutcomes, reopenJob, setPaused, setPool,
        addAPIKey, forgetAPIKeys, listAPIKeys, revokeAPIKey,
    ]
}
