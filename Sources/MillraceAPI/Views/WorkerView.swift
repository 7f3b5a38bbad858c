// SPDX-License-Identifier: Apache-2.0

package import Millrace

extension JSONWriter {
    /// A worker process as the API shows it.
    package mutating func worker(_ worker: WorkerReport) {
        object { json in
            json.member("process", worker.process)
            json.member("pid", Int(worker.pid))
            json.member("host", worker.host)
            json.member("pool", worker.pool)
            json.member("queues") { json in json.array(worker.queues) { json, queue in json.string(queue) } }
            // null when it does not tell.
            if let kinds = worker.kinds {
                json.member("kinds") { json in json.array(kinds) { json, kind in json.string(kind) } }
            } else {
                json.member("kinds", String?.none)
            }
            json.member("concurrency", worker.concurrency)
            json.member("running", worker.running)
            json.member("started_at", Timestamp(unixMilliseconds: worker.startedAtUnixMilliseconds).rfc3339)
            json.member("draining", worker.isDraining)
            json.member("stuck", worker.stuck)
            json.member("quarantine", worker.isAlone)
            // What follows and the counts above are as of the last report, so long ago.
            json.member("reported_ago", worker.silence.text)
            json.member("longest_running") { json in
                json.array(worker.longest) { json, job in json.runningJob(job) }
            }
        }
    }

    private mutating func runningJob(_ job: WorkerReport.RunningJob) {
        object { json in
            json.member("id", job.id)
            json.member("kind", job.kind)
            json.member("queue", job.queue)
            json.member("attempt", job.attempt)
            json.member("ran", Duration.milliseconds(job.ranMilliseconds).text)
        }
    }
}
