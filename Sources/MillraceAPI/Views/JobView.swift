// SPDX-License-Identifier: Apache-2.0

package import Millrace

extension JSONWriter {
    /// A job as the API shows it.
    ///
    /// - Parameter isWhole: with payload, result and errors, which listings leave out.
    package mutating func job(_ job: JobRecord, isWhole: Bool) {
        object { json in
            json.member("id", "\(job.id)")
            json.member("queue", job.queue.name)
            json.member("kind", job.kind.name)
            json.member("state", job.state.rawValue)
            json.member("priority", job.priority.name)
            json.member("attempt", job.attempt)
            json.member("failures", job.failures)
            json.member("crashes", job.crashes)
            json.member("max_attempts", job.maxAttempts)
            json.member("timeout", job.timeout.text)
            json.member("tags") { json in json.array(job.tags) { json, tag in json.string(tag) } }
            json.member("created_at", job.createdAt.rfc3339)
            json.member("due_at", job.dueAt.rfc3339)
            json.member("expires_at", job.expiresAt?.rfc3339)
            json.member("started_at", job.startedAt?.rfc3339)
            json.member("finished_at", job.finishedAt?.rfc3339)
            json.member("worker", job.worker?.description)
            guard isWhole else { return }
            json.member("payload", raw: job.payload)
            json.member("result", raw: job.result)
            json.member("errors") { json in json.array(job.errors) { json, error in json.error(error) } }
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
