// SPDX-License-Identifier: Apache-2.0

import CCurl
import Millrace

/// Hands mails to an SMTP server, by libcurl.
///
/// One transfer has one recipient, so that each has an answer of its own. Connections are kept for the next mail; libcurl
/// makes a new one where the server has closed it. The message goes out as it is but for the dots that SMTP wants doubled.
struct SMTPTransport: MailTransport {
    let configuration: SMTPConfiguration
    private let handles = CurlHandles()

    init(_ configuration: SMTPConfiguration) {
        self.configuration = configuration
    }

    func deliver(_ mail: OutgoingMail, isCancelled: @escaping @Sendable () -> Bool) throws -> Delivery {
        let handle = try handles.take()
        let transfer = SMTPTransfer(mail.bytes, isCancelled: isCancelled)
        var errors = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let code = errors.withUnsafeMutableBufferPointer { errors in
            // With all settings of the last mail the callbacks go, whose context is gone; its connection stays.
            curl_easy_reset(handle.pointer)
            defer { curl_easy_reset(handle.pointer) }
            configure(handle.pointer, for: mail)
            millrace_curl_set_errors(handle.pointer, errors.baseAddress)
            let recipients = curl_slist_append(nil, "<\(mail.recipient)>")
            defer { curl_slist_free_all(recipients) }
            millrace_curl_set_list(handle.pointer, CURLOPT_MAIL_RCPT, recipients)
            return transfer.run(on: handle.pointer)
        }
        // Of any other ending nobody knows in which state it has left the connection.
        if code == CURLE_OK { handles.giveBack(handle) } else { handle.breakOff() }
        if code == CURLE_OK, let answer = transfer.transcript.answer { return .accepted(answer.told) }
        if transfer.wasCancelled { throw CancellationError() }
        let detail = errors.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let reason =
            detail.isEmpty ? String(cString: curl_easy_strerror(code)) : String(decoding: detail, as: UTF8.self)
        return .failed(transfer.transcript, failure: "\(configuration.host):\(configuration.port): \(reason)")
    }

    private func configure(_ handle: UnsafeMutableRawPointer, for mail: OutgoingMail) {
        let scheme = configuration.security == .implicit ? "smtps" : "smtp"
        // The path is the name by which this side introduces itself.
        let url = "\(scheme)://\(configuration.host):\(configuration.port)/\(mail.sender.domain)"
        millrace_curl_set_string(handle, CURLOPT_URL, url)
        millrace_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        // Neither is taken from the environment or from files.
        millrace_curl_set_string(handle, CURLOPT_PROXY, "")
        millrace_curl_set_long(handle, CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        // No signals for time-outs: other threads run.
        millrace_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        millrace_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(configuration.connectTimeout.milliseconds))
        millrace_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(configuration.attemptTimeout.milliseconds))
        if configuration.security != .none {
            millrace_curl_set_long(handle, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
            millrace_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
            millrace_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
            millrace_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
            if let path = configuration.authorityPath { millrace_curl_set_string(handle, CURLOPT_CAINFO, path) }
        }
        if let login = configuration.login {
            millrace_curl_set_string(handle, CURLOPT_USERNAME, login.user)
            millrace_curl_set_string(handle, CURLOPT_PASSWORD, login.password.revealed)
        }
        millrace_curl_set_string(handle, CURLOPT_MAIL_FROM, "<\(mail.sender)>")
        millrace_curl_set_long(handle, CURLOPT_UPLOAD, 1)
        millrace_curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(mail.bytes.count))
    }
}

/// What libcurl's callbacks work on while one mail is sent, all on the thread that sends it.
private final class SMTPTransfer {
    private let bytes: [UInt8]
    private let isCancelled: @Sendable () -> Bool
    private var position = 0
    private(set) var transcript = SMTPTranscript()
    private(set) var wasCancelled = false

    init(_ bytes: [UInt8], isCancelled: @escaping @Sendable () -> Bool) {
        self.bytes = bytes
        self.isCancelled = isCancelled
    }

    func run(on handle: UnsafeMutableRawPointer) -> CURLcode {
        withExtendedLifetime(self) {
            millrace_curl_set_callbacks(
                handle, readMessage, takeLine, takeTrace, takeProgress, Unmanaged.passUnretained(self).toOpaque())
            return curl_easy_perform(handle)
        }
    }

    fileprivate static func of(_ context: UnsafeMutableRawPointer) -> SMTPTransfer {
        Unmanaged<SMTPTransfer>.fromOpaque(context).takeUnretainedValue()
    }

    fileprivate func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let end = min(position + buffer.count, bytes.count)
        buffer.copyBytes(from: bytes[position..<end])
        defer { position = end }
        return end - position
    }

    fileprivate func received(_ line: UnsafeRawBufferPointer) {
        transcript.received(line)
    }

    fileprivate func traced(_ kind: curl_infotype, _ bytes: UnsafeRawBufferPointer) {
        switch kind {
        case CURLINFO_HEADER_OUT: transcript.sent(bytes)
        case CURLINFO_DATA_OUT: transcript.sentContent()
        default: break
        }
    }

    fileprivate func goesOn() -> Bool {
        wasCancelled = wasCancelled || isCancelled()
        return !wasCancelled
    }
}

private func readMessage(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let buffer, let context else { return Int(CURL_READFUNC_ABORT) }
    let transfer = SMTPTransfer.of(context)
    guard transfer.goesOn() else { return Int(CURL_READFUNC_ABORT) }
    return transfer.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private func takeLine(
    _ line: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    if let line, let context {
        SMTPTransfer.of(context).received(UnsafeRawBufferPointer(start: line, count: size * count))
    }
    return size * count
}

private func takeTrace(
    _ handle: UnsafeMutableRawPointer?, _ kind: curl_infotype, _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    if let bytes, let context {
        SMTPTransfer.of(context).traced(kind, UnsafeRawBufferPointer(start: bytes, count: count))
    }
    return 0
}

private func takeProgress(
    _ context: UnsafeMutableRawPointer?, _ downTotal: curl_off_t, _ downNow: curl_off_t, _ upTotal: curl_off_t,
    _ upNow: curl_off_t
) -> Int32 {
    guard let context else { return 1 }
    return SMTPTransfer.of(context).goesOn() ? 0 : 1
}
