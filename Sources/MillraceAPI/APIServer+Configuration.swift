// SPDX-License-Identifier: Apache-2.0

import Millrace

extension APIServer {
    /// Where the API listens, and how much it takes on.
    public struct Configuration: Sendable {
        /// An address of this machine, or a name of one. Default 127.0.0.1. Without ``tls`` any but a loopback address is
        /// refused when the server starts, unless ``allowsPlaintext``.
        public var host: String
        /// 0 = any free port. Default 8080.
        public var port: Int
        /// Names besides those of loopback under which clients may address the server, as in the `Host` header. Default
        /// none; then a server that listens on other than loopback answers to any name.
        public var hostNames: [String]
        /// What it speaks TLS with. Default nil: it does not.
        public var tls: TLSFiles?
        /// Whether keys may travel unencrypted on other than loopback, as between a proxy that speaks TLS and this server.
        /// Default false.
        public var allowsPlaintext: Bool
        /// Proxies that are believed whom they speak for, as the last entry of `X-Forwarded-For` says, beside those on this
        /// machine. Limits by address count all clients of any other proxy as one. Default none.
        public var trustedProxies: [Network]
        /// Requests a second, and in a row, that are taken from a key which has no rate of its own. Default 100,000.
        public var requestsPerSecond: Int
        /// How long keys are honoured that were read before the ledger went away. Default 1 h.
        public var keyOutageMax: Duration
        /// Connections at a time; more wait in the kernel's queue. Default 1000, each takes a file descriptor.
        public var connectionsMax: Int
        /// For a request's head as a whole, the handshake of TLS, and between two requests. Default 30 s.
        public var idleTimeout: Duration
        /// For a request's body as a whole. Default 60 s.
        public var bodyDeadline: Duration
        /// Bytes a second that give an upload, which is not held in memory, one more second. Default 32 KiB, so that 50
        /// MiB may take 28 minutes; 1 or more.
        public var bodyRateMin: Int
        /// For a client to take an answer as a whole. Default 60 s.
        public var answerDeadline: Duration
        /// Bytes of bodies of all requests together. Default 128 MiB.
        public var bodyBytesMax: Int
        /// For one call of a store. Default 800 ms, so that clients have their answer within a second when a store is
        /// away.
        public var storeDeadline: Duration
        /// Requests that wait for a job to end at a time; more are told 503. Default 10,000.
        public var waitersMax: Int
        /// How often the ledger is asked for awaited jobs whose end was not announced. Default 5 s.
        public var waitPollInterval: Duration
        /// The pools of worker processes that can be scaled. Default none.
        public var pools: [Pool]

        public init(
            host: String = "127.0.0.1", port: Int = 8080, hostNames: [String] = [], tls: TLSFiles? = nil,
            allowsPlaintext: Bool = false, trustedProxies: [Network] = [], requestsPerSecond: Int = 100_000,
            keyOutageMax: Duration = .seconds(3600),
            connectionsMax: Int = 1000, idleTimeout: Duration = .seconds(30), bodyDeadline: Duration = .seconds(60),
            bodyRateMin: Int = 32 * 1024,
            answerDeadline: Duration = .seconds(60), bodyBytesMax: Int = 128 * 1024 * 1024,
            storeDeadline: Duration = .milliseconds(800), waitersMax: Int = 10_000,
            waitPollInterval: Duration = .seconds(5), pools: [Pool] = []
        ) {
            self.host = host
            self.port = port
            self.hostNames = hostNames
            self.tls = tls
            self.allowsPlaintext = allowsPlaintext
            self.trustedProxies = trustedProxies
            self.requestsPerSecond = requestsPerSecond
            self.keyOutageMax = keyOutageMax
            self.connectionsMax = connectionsMax
            self.idleTimeout = idleTimeout
            self.bodyDeadline = bodyDeadline
            self.bodyRateMin = bodyRateMin
            self.answerDeadline = answerDeadline
            self.bodyBytesMax = bodyBytesMax
            self.storeDeadline = storeDeadline
            self.waitersMax = waitersMax
            self.waitPollInterval = waitPollInterval
            self.pools = pools
        }
    }

    /// Who the server is, in TLS's terms; read when it starts.
    public struct TLSFiles: Sendable, Equatable {
        /// A file of PEM certificates: the server's own, then those between it and the authority.
        public var certificatePath: String
        /// A file with the PEM of its private key, without a passphrase.
        public var keyPath: String

        public init(certificatePath: String, keyPath: String) {
            self.certificatePath = certificatePath
            self.keyPath = keyPath
        }
    }

    /// A pool of worker processes, as `workers.yml` has it.
    public struct Pool: Sendable, Equatable {
        public var name: String
        /// Processes by the file; a count set over the API beats it.
        public var fileCount: Int

        public init(name: String, fileCount: Int) {
            self.name = name
            self.fileCount = fileCount
        }
    }
}
