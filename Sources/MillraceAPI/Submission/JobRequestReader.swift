// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Reads one job of a submission: checks everything that a client may say, fills in the kind's defaults, and names all
/// faults at once.
struct JobRequestReader {
    static let known =
        [
            "kind", "payload", "queue", "priority", "run_at", "delay", "expires_at", "timeout", "max_attempts", "tags",
            "durability",
        ] + unbuilt

    /// Understood, and refused for now.
    static let unbuilt = ["unique", "key"]

    /// An object with more is not looked into: a body can hold millions.
    private static let membersMax = 64

    let catalog: JobCatalog
    let now: Timestamp
    /// A W3C `traceparent`.
    let trace: String?

    /// nil when it found faults, which it has noted then.
    func read(_ object: JSONValue, in text: JSONText, _ faults: inout Faults) -> NewJob? {
        guard object.kind == .object else {
            faults.append(Fault("", "a job is an object, not \(object.kind.withArticle)"))
            return nil
        }
        let countBefore = faults.count
        let members = text.members(of: object, atMost: Self.membersMax)
        guard members.count < Self.membersMax else {
            faults.append(Fault("", "\(Self.membersMax) members or more; a job has at most \(Self.known.count)"))
            return nil
        }
        let job = job(MemberReader(members, in: text, known: Self.known, &faults), &faults)
        return faults.count == countBefore ? job : nil
    }

    private func job(_ members: MemberReader, _ faults: inout Faults) -> NewJob? {
        refuseWhatIsNotBuilt(members, &faults)
        let definition = definition(members, &faults)
        let payload = payload(members, definition, &faults)
        let options = definition?.options ?? JobOptions()
        let queue = members.value(
            "queue", .string, expected: "a queue's name: 1 to \(Limits.nameBytesMax) characters of [a-z0-9._-]", &faults
        ) { members.text.string($0).flatMap { QueueName($0) } }
        let priority = members.value("priority", .string, expected: "one of critical, high, normal, low", &faults) {
            members.text.string($0).flatMap { Priority(name: $0) }
        }
        let timeout = members.duration("timeout", in: .milliseconds(1)...Limits.timeoutMax, &faults)
        let maxAttempts = members.value(
            "max_attempts", .number, expected: "a whole number from 1 to \(Limits.maxAttemptsMax)", &faults
        ) { members.text.integer($0).flatMap { 1...Limits.maxAttemptsMax ~= $0 ? $0 : nil } }
        let tags = tags(members, &faults)
        let dueAt = dueAt(members, &faults)
        let expiresAt = expiresAt(members, dueAt: dueAt, &faults)
        let durability = members.value("durability", .string, expected: "one of postgres, redis", &faults) {
            members.text.string($0).flatMap { Durability(rawValue: $0) }
        }
        guard let definition, let payload else { return nil }
        var generator = SystemRandomNumberGenerator()
        return NewJob(
            id: JobID(at: now, using: &generator), kind: definition.kind, queue: queue ?? options.queue,
            priority: priority ?? options.priority, payload: payload, dueAt: dueAt, expiresAt: expiresAt,
            timeout: timeout ?? options.timeout, maxAttempts: maxAttempts ?? options.maxAttempts, tags: tags,
            trace: trace, durability: durability ?? options.durability)
    }

    private func refuseWhatIsNotBuilt(_ members: MemberReader, _ faults: inout Faults) {
        for name in Self.unbuilt where members.members[name] != nil {
            faults.append(Fault("/\(name)", "not available yet"))
        }
    }

    private func definition(_ members: MemberReader, _ faults: inout Faults) -> JobDefinition? {
        guard members.members["kind"] != nil else {
            faults.append(Fault("/kind", "missing"))
            return nil
        }
        let name = members.value("kind", .string, expected: "a kind's name", &faults) { members.text.string($0) }
        guard let name else { return nil }
        guard let definition = JobKind(name).flatMap(catalog.definition(of:)) else {
            faults.append(unknownKind(name))
            return nil
        }
        return definition
    }

    private func unknownKind(_ name: String) -> Fault {
        let advice = NearestName.advice(for: name, among: catalog.kinds.map(\.name))
        return Fault("/kind", "\(name.quoted) is not a kind that this server knows; \(advice)")
    }

    private func payload(_ members: MemberReader, _ definition: JobDefinition?, _ faults: inout Faults) -> [UInt8]? {
        guard let value = members.members["payload"] else {
            faults.append(Fault("/payload", "missing; a job without data has the payload {}"))
            return nil
        }
        guard value.range.count <= Limits.payloadBytesMax else {
            faults.append(Fault("/payload", "\(value.range.count) bytes, at most \(Limits.payloadBytesMax)"))
            return nil
        }
        guard members.text.nesting(of: value) <= Limits.nestingMax else {
            faults.append(Fault("/payload", "over \(Limits.nestingMax) levels of arrays and objects"))
            return nil
        }
        let payload = members.text.raw(value)
        do throws(PayloadError) {
            try definition?.checkPayload(payload)
        } catch {
            faults.append(Fault("/payload\(error.pointer)", error.reason))
            return nil
        }
        return payload
    }

    private func tags(_ members: MemberReader, _ faults: inout Faults) -> [String] {
        guard let array = members.members["tags"] else { return [] }
        guard array.kind == .array else {
            faults.append(Fault("/tags", "expected an array of strings, not \(array.kind.withArticle)"))
            return []
        }
        let elements = members.text.elements(of: array)
        guard elements.count <= Limits.tagsMax else {
            faults.append(Fault("/tags", "\(elements.count) tags, at most \(Limits.tagsMax)"))
            return []
        }
        return elements.enumerated().compactMap { index, element in
            guard let tag = members.text.string(element) else {
                faults.append(Fault("/tags/\(index)", "expected a string, not \(element.kind.withArticle)"))
                return nil
            }
            guard 1...Limits.tagBytesMax ~= tag.utf8.count, !tag.unicodeScalars.contains(where: \.isControl) else {
                faults.append(
                    Fault("/tags/\(index)", "a tag has 1 to \(Limits.tagBytesMax) bytes and no control characters"))
                return nil
            }
            return tag
        }
    }

    /// nil for now, which is also what a time that has passed means.
    private func dueAt(_ members: MemberReader, _ faults: inout Faults) -> Timestamp? {
        let delay = members.duration("delay", in: .zero...Limits.scheduleAheadMax, &faults)
        let runAt = members.time("run_at", &faults)
        if members.members["delay"] != nil, members.members["run_at"] != nil {
            faults.append(Fault("/delay", "run_at and delay exclude each other"))
            return nil
        }
        if let runAt, runAt - now > Limits.scheduleAheadMax {
            faults.append(Fault("/run_at", "over 365 days ahead"))
            return nil
        }
        let dueAt = delay.map { now + $0 } ?? runAt
        return dueAt.flatMap { $0 > now ? $0 : nil }
    }

    private func expiresAt(_ members: MemberReader, dueAt: Timestamp?, _ faults: inout Faults) -> Timestamp? {
        guard let expiresAt = members.time("expires_at", &faults) else { return nil }
        if expiresAt <= now {
            faults.append(Fault("/expires_at", "has passed: it is \(now.rfc3339)"))
        } else if let dueAt, expiresAt <= dueAt {
            faults.append(Fault("/expires_at", "not after the time from which the job may run, \(dueAt.rfc3339)"))
        }
        return expiresAt
    }
}

extension Fault {
    /// A member that an object does not have, with the one that was meant where that can be guessed.
    static func unknownMember(_ name: String, known: [String]) -> Fault {
        Fault(
            "/" + PayloadError.escaped(String(name.prefix(64))),
            "unknown member; \(NearestName.advice(for: name, among: known))")
    }
}
