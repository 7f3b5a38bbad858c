// SPDX-License-Identifier: Apache-2.0

/// The limits of photo storage, in one place.
public enum PhotoLimits {
    /// Bytes of an uploaded photo.
    public static let bytesMax = 50 * 1024 * 1024
    /// Width times height of an uploaded photo.
    public static let pixelsMax = 100_000_000
    /// The boxes, in pixels, into which a photo is shrunk: neither side of a variant is longer than its box, and no
    /// photo is enlarged.
    public static let boxes = [256, 1024, 2048]
    /// Scans of a progressive JPEG. Cameras and encoders write about ten; each costs as much as a pass over all pixels.
    static let scansMax = 100
    /// Bytes that the photos decoded at a time in one process may take together, by an estimate from their headers; one
    /// that would take more is decoded while no other is.
    static let decodingBytesMax = 1 << 30
    /// Uploads at a time in one process; each holds a temporary file of up to `bytesMax`.
    static let uploadsMax = 64
    /// How old a blob must be, by its file's time, to be swept when nothing refers to it.
    static let orphanAge: Duration = .seconds(86_400)
}
