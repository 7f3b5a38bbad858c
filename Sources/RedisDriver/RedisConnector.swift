// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens connections: name look-up, TCP, TLS and log-in within one time limit, all on the event loop.
struct RedisConnector: Sendable {
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop

    private let tls: NIOSSLContext?

    /// Reads the certificate authorities, once.
    /// - Throws: `.invalidConfiguration` when they cannot be used.
    init(configuration: RedisConfiguration, eventLoop: any EventLoop) throws(RedisError) {
        guard configuration.clientName.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw RedisError(.invalidConfiguration, "the Redis client name may hold visible ASCII only, and no spaces")
        }
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.tls = configuration.usesTLS ? try Self.tls(trusting: configuration.certificateAuthorityPath) : nil
    }

    /// - Returns: a connection ready for commands, or an error `.unavailable` whose `underlying` says why.
    func connect() -> EventLoopFuture<RedisConnection> {
        let limit = NIODeadline.now() + TimeAmount(configuration.connectTimeout)
        let mailbox = RedisMailbox(
            pendingCommandsMax: configuration.pendingCommandsMax, queuedBytesMax: configuration.queuedBytesMax)
        return bootstrap(mailbox)
            .connect(host: configuration.host, port: configuration.port)
            .flatMapThrowing { channel in
                let handler = try channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self)
                return RedisConnection(channel: channel, handler: handler, mailbox: mailbox)
            }
            .flatMap { logIn($0, until: limit) }
            .flatMapErrorThrowing { throw describe($0) }
    }

    private func bootstrap(_ mailbox: RedisMailbox) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .resolver(AddressResolver(eventLoop: eventLoop))
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(tlsHandler(tls)) }
                    let handler = try RedisChannelHandler(mailbox: mailbox, eventLoop: channel.eventLoop)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        #if os(Linux)
            // An idle connection to a dead host is found out in 30 s, one with unacknowledged bytes in 10 s; a
            // command's own deadline is shorter.
            return
                bootstrap
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 15)
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 5)
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
                .channelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: 10_000)
        #else
            return bootstrap
        #endif
    }

    // MARK: Log-in

    private func logIn(_ connection: RedisConnection, until limit: NIODeadline) -> EventLoopFuture<RedisConnection> {
        let timeLeft = Duration(limit - .now())
        var replies: [EventLoopFuture<RedisReply>] = []
        if let password = configuration.password {
            let login: [RedisArgument] =
                configuration.username.map { [.text($0), .text(password.value)] } ?? [.text(password.value)]
            let reply = connection.submit(RedisCommand(["AUTH"] + login), deadline: timeLeft)
            replies.append(reply.flatMapErrorThrowing { throw withoutPassword($0) })
        }
        if configuration.database != 0 {
            replies.append(
                connection.submit(RedisCommand("SELECT", .integer(configuration.database)), deadline: timeLeft))
        }
        let naming = RedisCommand("CLIENT", "SETNAME", .text(configuration.clientName))
        replies.append(
            connection.submit(naming, deadline: timeLeft).flatMapErrorThrowing { error in
                // The name is for operators' eyes; a user that may not set it can still work.
                guard (error as? RedisError)?.code == .noPermission else { throw error }
                return .null
            })
        return EventLoopFuture.andAllSucceed(replies, on: eventLoop)
            .map { connection }
            .flatMapErrorThrowing { error in
                // What ended the connection says more than what that did to a command.
                if let reason = connection.closedBy { throw reason }
                let refusal = error as? RedisError ?? RedisError(.unavailable, RedisError.words(of: error))
                connection.terminate(refusal)
                throw refusal
            }
    }

    /// Redis repeats the arguments of a command that it does not know, which AUTH can be by renaming.
    private func withoutPassword(_ error: any Error) -> any Error {
        guard let error = error as? RedisError else { return error }
        let repeatsArguments =
            error.message.contains("args beginning") || error.message.contains(configuration.password?.value ?? " ")
        return repeatsArguments
            ? RedisError(error.code, "AUTH: refused; the reply repeats its arguments and is withheld") : error
    }

    private func describe(_ error: any Error) -> RedisError {
        let reason: String
        var code: RedisError.Code?
        switch error {
        case let error as RedisError:
            reason = error.message
            code = error.underlying ?? error.code
        case let error as NIOConnectionError:
            let failures: [any Error] =
                error.connectionErrors.map(\.error) + [error.dnsAError, error.dnsAAAAError].compactMap { $0 }
            reason = failures.first.map(RedisError.words(of:)) ?? "no address found"
        case ChannelError.connectTimeout: reason = "no answer within \(configuration.connectTimeout)"
        default: reason = RedisError.words(of: error)
        }
        return RedisError(
            .unavailable, "no connection to \(configuration.endpoint): \(reason)",
            underlying: code == .unavailable ? nil : code)
    }

    // MARK: TLS

    private static func tls(trusting path: String?) throws(RedisError) -> NIOSSLContext {
        var settings = TLSConfiguration.makeClientConfiguration()
        // A Redis that hangs does not answer the farewell either, and the reconnect waits for it.
        settings.shutdownTimeout = .milliseconds(100)
        if let path { settings.trustRoots = .file(path) }
        do {
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw RedisError(
                .invalidConfiguration, "certificate authorities for Redis unusable (\(path ?? "system")): \(error)")
        }
    }

    private func tlsHandler(_ context: NIOSSLContext) throws -> NIOSSLClientHandler {
        // An address is no server name (RFC 6066); it is verified against the certificate's addresses all the same.
        let isAddress = (try? SocketAddress(ipAddress: configuration.host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : configuration.host)
    }
}
