// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder of mails, one file each, which most mail programs can open: for development, where nothing is to leave the
/// machine.
///
///     folder/tmp/…       being written
///     folder/new/JOB     delivered; a mail program moves what it has shown to `cur`
///
/// The file is named by the mail's job, so that a second run of it overwrites the first one's.
struct Maildir: MailTransport {
    let path: String

    /// Makes the folder if it is missing, and tries whether this process may write in it.
    func check() throws(EmailError) {
        do throws(BlobError) {
            try LocalBlobStore.check(root: path)
        } catch {
            throw EmailError(.misconfigured, "\(error.message); see maildir in workers.yml")
        }
    }

    func deliver(_ mail: OutgoingMail, isCancelled: @escaping @Sendable () -> Bool) throws -> Delivery {
        do {
            try write(mail)
        } catch {
            return .deferred(MailAnswer("maildir: \((error as? BlobError)?.message ?? "\(error)")"))
        }
        return .accepted(MailAnswer("written to \(path)/new/\(mail.id)"))
    }

    private func write(_ mail: OutgoingMail) throws {
        let folder = try OpenFolder.make(path: path)
        let (new, incoming) = (try folder.makeFolder("new"), try folder.makeFolder("tmp"))
        _ = try folder.makeFolder("cur")
        // Two runs of one job may meet, in one process or in two.
        var generator = SystemRandomNumberGenerator()
        let name = "\(mail.id).\(generator.next())"
        let file = try incoming.createFile(name)
        defer { close(file) }
        do {
            try mail.bytes.withUnsafeBytes { try FileBytes.write($0, to: file) }
            guard fsync(file) == 0 else { throw BlobError(errno: errno, "sync a mail") }
            try incoming.rename(name, to: new, as: "\(mail.id)")
        } catch {
            try? incoming.removeFile(name)
            throw error
        }
        try new.sync()
    }
}
