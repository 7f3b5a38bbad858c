// SPDX-License-Identifier: Apache-2.0

/// The limits of e-mail, in one place.
public enum EmailLimits {
    /// Recipients of one request; each becomes a job.
    public static let recipientsMax = 500
    /// Bytes of a request's body. A text and an HTML part must also fit into a job's payload.
    static let requestBytesMax = 1024 * 1024
    /// Bytes of a subject, of a name or of an attachment's file name, as UTF-8.
    public static let headerBytesMax = 500
    /// Attachments of one mail.
    public static let attachmentsMax = 10
    /// Bytes of all attachments of one mail together; a third more as they are sent.
    public static let attachmentBytesMax = 15 * 1024 * 1024
    /// Bytes kept of a server's answer.
    static let answerBytesMax = 500
}
