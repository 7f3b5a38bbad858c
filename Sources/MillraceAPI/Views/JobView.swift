// SPDX-License-Identifier: Apache-2.0

package import Millrace

extension JSONWriter {
    /// A job as listings show it.
    package mutating func job(_ job: JobSummary) {
        object { json in json.members(of: job) }
    }

    /// A job as the API shows it by itself, with its errors and steps.
    ///
    /// - Parameter withPayload: shows payload and result, too.
    package mutating func job(_ job: JobRecord, withPayload: Bool) {
        object { json in
            json.members(of: job.summary)
            if withPayload {
                json.member("payload", raw: job.payload)
                json.member("result", raw: job.result)
            }
            json.member("errors") { json in json.array(job.errors) { json, error in json.error(error) } }
            json.member("steps") { json in json.array(job.steps) { json, step in json.step(step) } }
        }
    }

    private mutating func members(of job: JobSummary) {
        member("id", "\(job.id)")
        member("queue", job.queue.name)
        member("kind", job.kind.name)
        member("state", job.state.rawValue)
        member("priority", job.priority.name)
        member("attempt", job.attempt)
        member("failures", job.failures)
        member("crashes", job.crashes)
        member("quarantined", job.isQuarantined)
        member("max_attempts", job.maxAttempts)
        member("timeout", job.timeout.text)
        member("tags") { json in json.array(job.tags) { json, tag in json.string(tag) } }
        member("created_at", job.createdAt.rfc3339)
        member("due_at", job.dueAt.rfc3339)
        member("expires_at", job.expiresAt?.rfc3339)
        member("started_at", job.startedAt?.rfc3339)
        member("finished_at", job.finishedAt?.rfc3339)
        member("worker", job.worker?.description)
    }

    private mutating func step(_ step: RememberedStep) {
        object { json in
            json.member("name", step.name)
            json.member("attempt", step.attempt)
            json.member("at", step.at.rfc3339)
            json.member("result_bytes", step.resultBytes)
        }
    }

    private mutating func error(_ error: RecordedError) {
        object { json in
            json.member("attempt", error.attempt)
            json.member("at", error.at.rfc3339)
            json.member("error", error.message)
        }
    }
}
