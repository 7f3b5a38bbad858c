// SPDX-License-Identifier: Apache-2.0

/// What an API key allows.
public enum APIScope: String, Hashable, Sendable, CaseIterable {
    /// To submit jobs.
    case submit
    /// To see jobs, queues and worker processes, without what jobs carry: no payload, no result.
    case read
    /// To see payloads and results too; all that ``read`` allows is included.
    case readPayload = "read:payload"
    /// To cancel and retry jobs, and to pause and resume queues.
    case operate
    /// Everything, the scaling of pools included. Never limited to queues.
    case admin

    /// Whether whoever has this scope may do what `other` is needed for.
    public func includes(_ other: APIScope) -> Bool {
        self == other || self == .admin || (self == .readPayload && other == .read)
    }
}
