// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOSSL
import Synchronization

/// The connections to services, of the whole process and for as long as it lives.
enum S3Connections {
    /// As many as one process can run handlers and uploads: none waits for another's request.
    private static let connectionsMax = 1000
    /// Services close connections that nobody uses after some more seconds; a request should not meet with that.
    private static let idleTimeout: TimeAmount = .seconds(10)
    private static let clients = Mutex<[String: HTTPClient]>([:])

    /// - Parameter authorityPath: a file of PEM certificates; nil for the system's authorities.
    static func client(authorityPath: String?) -> HTTPClient {
        clients.withLock { clients in
            let name = authorityPath ?? ""
            if let known = clients[name] { return known }
            let new = make(authorityPath)
            clients[name] = new
            return new
        }
    }

    /// It follows no redirects: what is signed goes where the operator said.
    private static func make(_ authorityPath: String?) -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(20), write: .seconds(20))
        configuration.connectionPool.idleTimeout = idleTimeout
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsMax
        // Whoever asks decides how often.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let authorityPath {
            var security = TLSConfiguration.makeClientConfiguration()
            security.trustRoots = .file(authorityPath)
            configuration.tlsConfiguration = security
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}
