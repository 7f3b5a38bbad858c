// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// What answers a method on a path, and for whom.
///
/// ```swift
/// Route(.get, "/v1/albums/{id}", .scope(.read)) { (request) throws(Problem) in
///     _ = try request.query()
///     return try await show(request.pathParameters["id"] ?? "")
/// }
/// ```
package struct Route: Sendable {
    package typealias Handler = @Sendable (APIRequest) async throws(Problem) -> Answer

    package let method: HTTPRequest.Method
    /// Such as `/v1/jobs/{id}`; a part in braces stands for any text.
    package let pattern: String
    package let access: AccessRule
    let handle: Handler
    fileprivate let segments: [Substring]

    package init(
        _ method: HTTPRequest.Method, _ pattern: String, _ access: AccessRule, _ handle: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.handle = handle
        segments = pattern.dropFirst().split(separator: "/")
    }

    fileprivate func parameters(matching path: [String]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, path) {
            if segment.hasPrefix("{") {
                guard !part.isEmpty else { return nil }
                parameters[String(segment.dropFirst().dropLast())] = part
            } else if segment != part {
                return nil
            }
        }
        return parameters
    }
}

/// All routes of the API.
package struct RouteTable: Sendable {
    let routes: [Route]
    private let doorkeeper: Doorkeeper

    /// - Parameters:
    ///   - keys: tells programs by the tokens of requests.
    ///   - users: tells users by them; nil where there are none.
    package init(routes: [Route], keys: any Authenticator, users: (any Authenticator)? = nil) {
        self.routes = routes
        doorkeeper = Doorkeeper(keys: keys, users: users)
    }

    package func answer(to request: APIRequest) async throws(Problem) -> Answer {
        let (route, routed) = try await admitted(request)
        return try await route.handle(routed)
    }

    private func admitted(_ request: APIRequest) async throws(Problem) -> (Route, APIRequest) {
        do throws(Problem) {
            var (route, routed) = try find(request)
            routed.caller = try await doorkeeper.admit(routed, by: route.access)
            return (route, routed)
        } catch {
            throw request.body.isWorthDropping ? error : error.closing
        }
    }

    /// The route for a request, and the request with the variable parts of its path.
    ///
    /// `HEAD` is answered as `GET` is.
    /// - Throws: a problem for an unknown path, and for a path without this method.
    private func find(_ request: APIRequest) throws(Problem) -> (Route, APIRequest) {
        var methods: [HTTPRequest.Method] = []
        let wanted = request.method == .head ? .get : request.method
        for route in routes {
            guard let parameters = route.parameters(matching: request.target.segments) else { continue }
            guard route.method == wanted else {
                methods += route.method == .get ? [.get, .head] : [route.method]
                continue
            }
            var request = request
            request.pathParameters = parameters
            return (route, request)
        }
        guard methods.isEmpty else {
            let allowed = methods.map(\.rawValue).joined(separator: ", ")
            var problem = Problem(
                .methodNotAllowed,
                "\(request.target.path.quoted) takes \(allowed), not \(request.method.rawValue.quoted)")
            problem.allow = allowed
            throw problem
        }
        throw Problem(.notFound, "there is nothing at \(request.target.path.quoted)")
    }
}
