// SPDX-License-Identifier: Apache-2.0

/// Who sends mails, and by which way: out of the environment, since an address may hold a password.
struct EmailSettings: Sendable {
    static let serverVariable = "SMTP_URL"
    static let authorityVariable = "SMTP_CA_FILE"
    static let senderVariable = "EMAIL_FROM"
    private static let defaultSender = "Millrace <millrace@localhost>"

    enum Way: Sendable {
        case smtp(SMTPConfiguration)
        case maildir(Maildir)
    }

    let sender: Mailbox
    let way: Way

    /// - Parameter maildir: where mails are written to while no server is named.
    /// - Throws: ``EmailError`` with `.misconfigured`, which quotes no value.
    init(environment: [String: String], maildir: String) throws(EmailError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let url = value(Self.serverVariable) {
            var smtp = try SMTPConfiguration(url: url)
            smtp.authorityPath = value(Self.authorityVariable)
            way = .smtp(smtp)
            guard value(Self.senderVariable) != nil else {
                throw EmailError(
                    .misconfigured,
                    "\(Self.senderVariable) is not set; expected the sender of all mails, such as Shop <shop@example.org>"
                )
            }
        } else {
            way = .maildir(Maildir(path: maildir))
        }
        do throws(EmailError) {
            sender = try Mailbox(value(Self.senderVariable) ?? Self.defaultSender)
        } catch {
            throw EmailError(.misconfigured, "\(Self.senderVariable): \(error.message)")
        }
    }

    /// Tries what can be tried without sending anything.
    func check() throws(EmailError) {
        switch way {
        case .maildir(let maildir): try maildir.check()
        case .smtp(let smtp): try smtp.check()
        }
    }

    var transport: any MailTransport {
        switch way {
        case .maildir(let maildir): maildir
        case .smtp(let smtp): SMTPTransport(smtp)
        }
    }
}
