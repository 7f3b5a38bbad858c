// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Storefront

/// aiosmtpd in a process of its own, as `smtp_server.py` sets it up.
final class SMTPServer: Sendable {
    struct Message: Sendable {
        let sender: String
        let recipient: String
        let bytes: [UInt8]
        let isEncrypted: Bool
        let user: String?
        let helo: String?

        func header(_ name: String) -> String? {
            String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").first { $0.hasPrefix("\(name): ") }
                .map { String($0.dropFirst(name.count + 2)) }
        }
    }

    let folder: TemporaryFolder
    let port: Int
    private let process: PythonServer

    /// - Parameter script: by recipient, as the server reads it.
    init(_ arguments: String..., script: [String: [[String]]] = [:]) throws {
        folder = try TemporaryFolder()
        try JSONEncoder().encode(script).write(to: URL(filePath: "\(folder.path)/script"))
        process = try PythonServer("smtp_server.py", [folder.path] + arguments)
        port = try #require(try process.answer()["port"] as? Int)
    }

    var authorityPath: String { "\(folder.path)/ca.pem" }

    var messages: [Message] {
        log.filter { $0["event"] as? String == "message" }.map { entry in
            Message(
                sender: entry["from"] as? String ?? "", recipient: entry["to"] as? String ?? "",
                bytes: Array(Data(base64Encoded: entry["data"] as? String ?? "") ?? Data()),
                isEncrypted: entry["tls"] as? Bool ?? false, user: entry["user"] as? String,
                helo: entry["helo"] as? String)
        }
    }

    var connectionCount: Int { log.count { $0["event"] as? String == "connection" } }

    /// - Parameter options: what follows the port.
    func configuration(
        _ scheme: String = "smtp", login: String = "", options: String = "", authority: String? = nil
    ) throws -> SMTPConfiguration {
        var configuration = try SMTPConfiguration(url: "\(scheme)://\(login)127.0.0.1:\(port)\(options)")
        configuration.authorityPath = authority ?? authorityPath
        return configuration
    }

    private var log: [[String: Any]] {
        let text = (try? String(contentsOfFile: "\(folder.path)/log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}
