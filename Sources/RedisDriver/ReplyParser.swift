// SPDX-License-Identifier: Apache-2.0

import CHiredis
import NIOCore

/// Turns received bytes into replies, with hiredis's reader.
///
/// The reader calls back for each item, depth first; ``ReplyAssembler`` builds Swift values from that, so that no C
/// reply objects are made and freed. The reader itself bounds the nesting (arrays in arrays, eight levels in all); this
/// class bounds the bytes of one reply. After an error it is of no more use. Confined to one event loop.
final class ReplyParser {
    static let replyBytesMaxDefault = 512 << 20

    private let reader: UnsafeMutablePointer<redisReader>
    private let assembler = ReplyAssembler()
    private let replyBytesMax: Int
    private var pendingBytes = 0  // fed, and not yet part of a reply that was handed out

    init(replyBytesMax: Int = ReplyParser.replyBytesMaxDefault) throws(RedisError) {
        guard let reader = redisReaderCreateWithFunctions(readerFunctions) else {
            throw RedisError(.protocolViolation, "no memory for a reply reader")
        }
        // The assembler lives as long as the reader, so the reader need not retain it.
        reader.pointee.privdata = Unmanaged.passUnretained(assembler).toOpaque()
        self.reader = reader
        self.replyBytesMax = replyBytesMax
    }

    deinit { redisReaderFree(reader) }

    /// Takes over received bytes; then call ``next()`` until it returns nil.
    func feed(_ buffer: ByteBuffer) throws(RedisError) {
        pendingBytes += buffer.readableBytes
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == REDIS_OK else { throw failure() }
    }

    /// The next complete reply, nil when more bytes are needed.
    func next() throws(RedisError) -> RedisReply? {
        var token: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &token) == REDIS_OK else { throw failure() }
        guard token != nil else {
            guard pendingBytes <= replyBytesMax else {
                throw RedisError(.protocolViolation, "a reply exceeds \(replyBytesMax) bytes")
            }
            return nil
        }
        guard let reply = assembler.takeReply() else {
            throw RedisError(.protocolViolation, "the reader ended a reply before its last element")
        }
        pendingBytes = reader.pointee.len - min(reader.pointee.pos, reader.pointee.len)
        return reply
    }

    private func failure() -> RedisError {
        let reason = withUnsafeBytes(of: &reader.pointee.errstr) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError(.protocolViolation, "reply unreadable: \(reason)")
    }
}

/// Builds a reply from the reader's callbacks: an item goes into the innermost array that still misses elements.
private final class ReplyAssembler {
    private struct OpenArray {
        var elements: [RedisReply] = []
        var missing: Int
    }

    private var open: [OpenArray] = []
    private var complete: RedisReply?

    func takeReply() -> RedisReply? {
        defer { complete = nil }
        return open.isEmpty ? complete : nil
    }

    func beginArray(count: Int) {
        guard count > 0 else { return append(.array([])) }
        var array = OpenArray(missing: count)
        array.elements.reserveCapacity(min(count, 1024))  // the count is the sender's claim, not yet a fact
        open.append(array)
    }

    func append(_ item: RedisReply) {
        var item = item
        while let innermost = open.indices.last {
            open[innermost].elements.append(item)
            open[innermost].missing -= 1
            guard open[innermost].missing == 0 else { return }
            item = .array(open.removeLast().elements)
        }
        complete = item
    }
}

/// What the callbacks return: the reader wants a non-null object, and only passes it on.
nonisolated(unsafe) private let token = UnsafeMutableRawPointer(bitPattern: 1)

/// Immutable once made; the reader wants a mutable pointer and writes nothing.
nonisolated(unsafe) private let readerFunctions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
    let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    functions.initialize(to: redisReplyObjectFunctions())
    functions.pointee.createString = { task, bytes, count in
        guard let task, let assembler = assembler(of: task) else { return nil }
        let content = UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : Int(count))
        switch task.pointee.type {
        case REDIS_REPLY_STRING: assembler.append(.bulk(Array(content)))
        case REDIS_REPLY_ERROR: assembler.append(.error(String(decoding: content, as: UTF8.self)))
        default: assembler.append(.simple(String(decoding: content, as: UTF8.self)))
        }
        return token
    }
    functions.pointee.createArray = { task, count in
        guard let task, let assembler = assembler(of: task) else { return nil }
        assembler.beginArray(count: Int(clamping: count))
        return token
    }
    functions.pointee.createInteger = { task, value in
        guard let task, let assembler = assembler(of: task) else { return nil }
        assembler.append(.integer(Int(value)))
        return token
    }
    functions.pointee.createNil = { task in
        guard let task, let assembler = assembler(of: task) else { return nil }
        assembler.append(.null)
        return token
    }
    return functions
}()

private func assembler(of task: UnsafePointer<redisReadTask>) -> ReplyAssembler? {
    task.pointee.privdata.map { Unmanaged<ReplyAssembler>.fromOpaque($0).takeUnretainedValue() }
}
