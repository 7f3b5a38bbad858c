// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Limits of the HTTP side that no configuration changes; those of jobs are in `Limits`.
enum APILimits {
    /// Bytes of the body of one job's submission: a payload and what else may be said of it.
    static let jobBytesMax = 2 * 1024 * 1024
    /// Bytes of any other body.
    static let otherBytesMax = 16 * 1024
    static let waitMax: Duration = .seconds(60)
    static let pageJobs = 50
    static let pageJobsMax = 500
    /// What a listing may take longer than other calls of a store, as it may read 10,000 rows.
    static let listExtra: Duration = .seconds(2)
    static let poolCountMax = 1000
    static let requestIDBytesMax = 128
    /// Bytes of the token behind `Authorization: Bearer`.
    static let tokenBytesMax = 512
    /// A refused request's body that is worth reading to its end, so that the connection can be kept.
    static let refusedBodyBytesMax = 64 * 1024
}
