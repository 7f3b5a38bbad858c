// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Keeps web pages out.
///
/// A server on a loopback address is within reach of every page that a browser on this machine shows: by a form or a
/// fetch to `http://127.0.0.1`, and, with a name of the page's own site that resolves to 127.0.0.1, even as the page's
/// own server. So a request must name this server by a loopback name (or one that the operator has allowed), and one
/// that a browser sends on behalf of another site is refused.
struct OriginRule: Sendable {
    /// nil for any.
    private let names: Set<String>?

    /// - Parameter allowedNames: besides those of loopback; nil for any name. Then what keeps pages out is that they know no
    ///   key.
    init(allowedNames: [String]?) {
        names = allowedNames.map { Set($0.map { $0.lowercased() }).union(["localhost", "[::1]"]) }
    }

    func check(_ request: HTTPRequest) throws(Problem) {
        if let authority = request.authority, !authority.isEmpty, !isAllowed(Self.host(of: authority)) {
            throw Problem(
                .foreignOrigin,
                "this server is not \(authority.quoted); it answers to the names of loopback and those in api.host_names"
            )
        }
        if let site = request.headerFields[.secFetchSite], site != "same-origin", site != "none" {
            throw Problem(.foreignOrigin, "a page of another site may not use this API")
        }
        if let origin = request.headerFields[.origin], !Self.isOwn(origin, of: request) {
            throw Problem(.foreignOrigin, "a page of \(origin.quoted) may not use this API")
        }
    }

    /// A proxy in front may speak TLS where this server does not.
    private static func isOwn(_ origin: String, of request: HTTPRequest) -> Bool {
        let authority = (request.authority ?? "").lowercased()
        return ["http://", "https://"].contains { origin.lowercased() == $0 + authority }
    }

    private func isAllowed(_ host: String) -> Bool {
        names.map { $0.contains(host) || LoopbackAddress.isIPv4(host) } ?? true
    }

    /// Without the port, in lower case.
    private static func host(of authority: String) -> String {
        let authority = authority.lowercased()
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            return String(authority[...bracket])
        }
        return String(authority.prefix { $0 != ":" })
    }
}

/// The addresses on which nobody but this machine can reach a server.
enum LoopbackAddress {
    /// 127.0.0.0/8 in its usual form.
    static func isIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { 0x30...0x39 ~= $0 } && UInt8(part) != nil
            }
    }

    /// What to bind to for a host that a configuration names; nil when that is not loopback.
    static func bindable(_ host: String) -> String? {
        switch host.lowercased() {
        case "localhost": "127.0.0.1"
        case "::1", "[::1]": "::1"
        default: isIPv4(host) ? host : nil
        }
    }
}
