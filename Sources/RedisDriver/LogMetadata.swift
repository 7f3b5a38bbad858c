// SPDX-License-Identifier: Apache-2.0

import Logging

/// The keys of this module's log lines.
extension Logger.Metadata {
    static func redis(_ endpoint: String, generation: Int? = nil, error: RedisError? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["millrace.redis.endpoint": "\(endpoint)"]
        if let generation { metadata["millrace.redis.generation"] = "\(generation)" }
        if let error { metadata["error"] = "\(error)" }
        return metadata
    }
}
