// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open folder, in which files and folders are reached by their own names alone: a symbolic link is never followed.
final class OpenFolder: Sendable {
    let descriptor: Int32
    private let name: String

    private init(_ descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { close(descriptor) }

    /// - Parameter path: of the operator's choice, so links in it are followed.
    static func open(path: String) throws(BlobError) -> OpenFolder {
        let descriptor = systemOpen(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BlobError(errno: errno, "open folder \(path)") }
        return OpenFolder(descriptor, name: path)
    }

    /// Opens a path's folder, and makes those that are missing, for this user alone.
    static func make(path: String) throws(BlobError) -> OpenFolder {
        var end = path.startIndex
        while end != path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            guard mkdir(String(path[..<end]), 0o700) == 0 || errno == EEXIST || errno == EISDIR else {
                throw BlobError(errno: errno, "make folder \(path[..<end])")
            }
        }
        return try open(path: path)
    }

    func folder(_ name: String) throws(BlobError) -> OpenFolder {
        let descriptor = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw BlobError(errno: errno, "open folder \(self.name)/\(name)") }
        return OpenFolder(descriptor, name: "\(self.name)/\(name)")
    }

    /// Opens a folder within this one; makes it, durably, where it is missing.
    func makeFolder(_ name: String) throws(BlobError) -> OpenFolder {
        if mkdirat(descriptor, name, 0o700) == 0 {
            try sync()
        } else if errno != EEXIST {
            throw BlobError(errno: errno, "make folder \(self.name)/\(name)")
        }
        return try folder(name)
    }

    /// Makes the folder's entries durable.
    func sync() throws(BlobError) {
        guard fsync(descriptor) == 0 else { throw BlobError(errno: errno, "sync folder \(name)") }
    }

    func createFile(_ file: String) throws(BlobError) -> Int32 {
        let opened = openat(descriptor, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw BlobError(errno: errno, "create \(name)/\(file)") }
        return opened
    }

    /// - Throws: `.missing`; `.failed` for anything but a regular file.
    func openFile(_ file: String) throws(BlobError) -> OpenFile {
        // Not to wait where somebody has put a pipe.
        let opened = openat(descriptor, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { throw BlobError(errno: errno, "open \(name)/\(file)") }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            throw BlobError(.failed, "\(name)/\(file) is not a regular file")
        }
        return OpenFile(opened, size: Int64(status.st_size))
    }

    /// Does nothing when there is no such file.
    func removeFile(_ file: String) throws(BlobError) {
        guard unlinkat(descriptor, file, 0) == 0 || errno == ENOENT else {
            throw BlobError(errno: errno, "remove \(name)/\(file)")
        }
    }

    /// Gives a file a second name in another folder; false when there is an entry of that name.
    func link(_ file: String, to folder: OpenFolder, as newName: String) throws(BlobError) -> Bool {
        if linkat(descriptor, file, folder.descriptor, newName, 0) == 0 { return true }
        guard errno == EEXIST else {
            throw BlobError(errno: errno, "link \(name)/\(file) to \(folder.name)/\(newName)")
        }
        return false
    }

    /// Moves a file into another folder, in place of what has that name there.
    func rename(_ file: String, to folder: OpenFolder, as newName: String) throws(BlobError) {
        guard renameat(descriptor, file, folder.descriptor, newName) == 0 else {
            throw BlobError(errno: errno, "move \(name)/\(file) to \(folder.name)/\(newName)")
        }
    }

    /// How long ago a regular file was written last; nil when there is none.
    func age(ofFile file: String) throws(BlobError) -> Duration? {
        var status = stat()
        guard fstatat(descriptor, file, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw BlobError(errno: errno, "look at \(name)/\(file)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let written = status.modified
        return .seconds(now.tv_sec - written.tv_sec) + .nanoseconds(now.tv_nsec - written.tv_nsec)
    }

    /// The names of all entries but `.` and `..`.
    func names() throws(BlobError) -> [String] {
        // A handle of its own, as its position is shared and it is closed with the listing.
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { throw BlobError(errno: errno, "list \(name)") }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw BlobError(errno: errno, "list \(name)") }
        return names
    }
}

/// A file open for reading.
final class OpenFile: BlobReader {
    let size: Int64
    private let descriptor: Int32

    fileprivate init(_ descriptor: Int32, size: Int64) {
        self.descriptor = descriptor
        self.size = size
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        try FileBytes.read(descriptor, into: buffer, at: offset)
    }
}

// Under names that no method hides.
private func systemOpen(_ path: String, _ flags: Int32) -> Int32 { open(path, flags) }
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

extension stat {
    fileprivate var modified: timespec {
        #if canImport(Darwin)
            st_mtimespec
        #else
            st_mtim
        #endif
    }
}

/// Whole reads and writes.
enum FileBytes {
    static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(BlobError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw BlobError(errno: errno, "read a blob")
            }
            done += count
        }
        return done
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(BlobError) {
        var done = 0
        while done < bytes.count {
            let count = systemWrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0 {
                if errno == EINTR { continue }
                throw BlobError(errno: errno, "write a blob")
            }
            done += count
        }
    }
}
