// SPDX-License-Identifier: Apache-2.0

import CVips
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A blob as libvips reads it: piece by piece, with a way to make it stop.
///
/// libvips could open the file by itself, but it would map it into memory, where a fault of the disk is a SIGBUS that
/// ends the process. Here it is an error, which is told apart from a fault of the file.
///
/// It must outlive the images that were opened from it.
final class VipsInput {
    private let reader: any BlobReader
    private let isCancelled: @Sendable () -> Bool
    private var position: Int64 = 0
    /// Why a read failed, if one did.
    private(set) var fault: BlobError?
    private(set) var wasCancelled = false
    private var sourcePointer: UnsafeMutablePointer<VipsSource>?

    init(_ reader: any BlobReader, isCancelled: @escaping @Sendable () -> Bool) throws(ImageError) {
        self.reader = reader
        self.isCancelled = isCancelled
        let context = Unmanaged.passUnretained(self).toOpaque()
        guard let source = millrace_vips_source(readInput, seekInput, context) else {
            throw ImageError(.failed, "libvips makes no source: \(VipsRuntime.takeMessage())")
        }
        sourcePointer = source
    }

    deinit {
        if let sourcePointer { g_object_unref(sourcePointer) }
    }

    var source: UnsafeMutablePointer<VipsSource>? { sourcePointer }

    /// No read has failed.
    var isWhole: Bool { fault == nil && !wasCancelled }

    fileprivate func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int64 {
        guard fault == nil, !wasCancelled else { return -1 }
        guard !isCancelled() else {
            wasCancelled = true
            return -1
        }
        do throws(BlobError) {
            let count = try reader.read(into: buffer, at: position)
            position += Int64(count)
            return Int64(count)
        } catch {
            fault = error
            return -1
        }
    }

    fileprivate func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        let origin: Int64? =
            switch whence {
            case SEEK_SET: 0
            case SEEK_CUR: position
            case SEEK_END: reader.size
            default: nil
            }
        guard let (target, overflow) = origin?.addingReportingOverflow(offset), !overflow, target >= 0 else {
            return -1
        }
        position = target
        return target
    }
}

private func readInput(
    _ source: UnsafeMutableRawPointer?, _ buffer: UnsafeMutableRawPointer?, _ length: Int64,
    _ context: UnsafeMutableRawPointer?
) -> Int64 {
    guard let context, let buffer, length > 0 else { return length == 0 ? 0 : -1 }
    let input = Unmanaged<VipsInput>.fromOpaque(context).takeUnretainedValue()
    return input.read(UnsafeMutableRawBufferPointer(start: buffer, count: Int(length)))
}

private func seekInput(
    _ source: UnsafeMutableRawPointer?, _ offset: Int64, _ whence: Int32, _ context: UnsafeMutableRawPointer?
) -> Int64 {
    guard let context else { return -1 }
    return Unmanaged<VipsInput>.fromOpaque(context).takeUnretainedValue().seek(offset, whence)
}
