// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import Logging
import Millrace

/// A request as a route sees it.
package struct APIRequest: Sendable {
    package let method: HTTPRequest.Method
    package let target: RequestTarget
    package let headers: HTTPFields
    package let body: BodyReader
    /// nil where nobody can tell.
    package let clientAddress: ClientAddress?
    let inputClosure: @Sendable () async -> InputClosure?
    /// Carries the request's id.
    package let logger: Logger
    /// The variable parts of the path, by their names in the route.
    package var pathParameters: [String: String] = [:]
    /// Who sends it; the route's rule has let that one in.
    package var caller = Caller.anyone

    /// - Parameter inputClosure: tells that the client has gone; nil where nobody can tell.
    package init(
        method: HTTPRequest.Method, target: RequestTarget, headers: HTTPFields, body: BodyReader,
        clientAddress: ClientAddress? = nil, inputClosure: @escaping @Sendable () async -> InputClosure? = { nil },
        logger: Logger
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.clientAddress = clientAddress
        self.inputClosure = inputClosure
        self.logger = logger
    }

    /// The parameters of the query.
    /// - Throws: a problem that names the parameter, for one that is not allowed or doubled.
    package func query(_ allowed: String...) throws(Problem) -> Query {
        try Query(target.parameters, allowed: allowed)
    }

    /// The job that the path names.
    func jobID() throws(Problem) -> JobID {
        let text = pathParameters["id"] ?? ""
        guard let id = JobID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a job's id: a UUID of 36 characters")
        }
        return id
    }

    /// The queue that the path names.
    func queueName() throws(Problem) -> QueueName {
        let text = pathParameters["queue"] ?? ""
        guard let queue = QueueName(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a queue's name: 1 to 64 characters of [a-z0-9._-]")
        }
        return queue
    }

    /// Without its parameters, in lower case; nil when the request has none.
    var mediaType: String? {
        headers[.contentType].map { type in
            String(type.prefix { $0 != ";" }).lowercased().filter { $0 != " " && $0 != "\t" }
        }
    }

    /// How long `?wait=` asks to wait; nil when it does not.
    static func wait(_ query: Query) throws(Problem) -> Duration? {
        try query.value("wait", expected: "a duration such as 20s, from 0s to 60s") { text in
            Duration(text: text).flatMap { $0 <= APILimits.waitMax ? $0 : nil }
        }
    }
}
