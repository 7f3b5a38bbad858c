// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver

/// The scripts of `Scripts/`, one transition each.
enum BrokerScripts {
    static let enqueueJobs = script(
        "enqueue-jobs",
        Safeguard.idempotentPush.isOff
            ? forgetful(PackageResources.enqueue_jobs_lua) : PackageResources.enqueue_jobs_lua)
    static let reserveJobs = script("reserve-jobs", PackageResources.reserve_jobs_lua)
    static let reserveSuspect = script("reserve-suspect", PackageResources.reserve_suspect_lua)
    static let quarantineJobs = script("quarantine-jobs", PackageResources.quarantine_jobs_lua)
    static let completeJobs = script("complete-jobs", PackageResources.complete_jobs_lua)
    static let retryJobs = script("retry-jobs", PackageResources.retry_jobs_lua)
    static let releaseLeases = script(
        "release-leases", PackageResources.put_back_leases_lua + PackageResources.release_leases_lua)
    static let extendLeases = script("extend-leases", PackageResources.extend_leases_lua)
    static let redeclareJobs = script("redeclare-jobs", PackageResources.redeclare_jobs_lua)
    static let reclaimLeases = script(
        "reclaim-leases", PackageResources.put_back_leases_lua + PackageResources.reclaim_leases_lua)
    static let promoteJobs = script("promote-jobs", PackageResources.promote_jobs_lua)
    static let cancelJob = script("cancel-job", PackageResources.cancel_job_lua)
    static let findJob = script("find-job", PackageResources.find_job_lua)
    static let knownJobs = script("known-jobs", PackageResources.known_jobs_lua)
    static let configureQueue = script("configure-queue", PackageResources.configure_queue_lua)
    static let queueStatus = script("queue-status", PackageResources.queue_status_lua)
    static let reportWorker = script("report-worker", PackageResources.report_worker_lua)

    static let all = [
        enqueueJobs, reserveJobs, reserveSuspect, quarantineJobs, completeJobs, retryJobs, releaseLeases, extendLeases,
        redeclareJobs, reclaimLeases, promoteJobs, cancelJob, findJob, knownJobs, configureQueue, queueStatus,
        reportWorker,
    ]

    /// The same script, but it does not look at what is known.
    private static func forgetful(_ source: [UInt8]) -> [UInt8] {
        let look = "local known = redis.call('HMGET', jobs, unpack(ids))"
        let parts = String(decoding: source, as: UTF8.self).split(separator: look, omittingEmptySubsequences: false)
        precondition(parts.count == 2, "enqueue-jobs looks at what is known in another way")
        return Array(parts.joined(separator: "local known = {}").utf8)
    }

    private static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: String(decoding: source, as: UTF8.self))
    }
}
