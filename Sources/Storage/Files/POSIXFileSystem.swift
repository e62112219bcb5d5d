import Glibc

/// The machine's own file system.
package struct POSIXFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: FileOpenMode) throws(StorageError) -> any File {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .append: O_RDWR | O_CREAT | O_APPEND
            case .create: O_RDWR | O_CREAT | O_TRUNC | O_APPEND
            }
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure("opening", path) }
        return POSIXFile(path: path, descriptor: descriptor)
    }

    package func map(_ path: String) throws(StorageError) -> MappedFile {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening", path) }
        defer { _ = Glibc.close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("asking for the size of", path) }
        let length = Int(status.st_size)
        guard length > 0 else { return MappedFile(path: path, bytes: []) }
        guard let start = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), unsafe start != MAP_FAILED
        else {
            throw failure("mapping", path)
        }
        return MappedFile(path: path, address: UInt(bitPattern: start), count: length)
    }

    package func list(_ folder: String) throws(StorageError) -> [String] {
        guard let stream = unsafe opendir(folder) else { throw failure("listing", folder) }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package func size(of path: String) throws(StorageError) -> Int {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw failure("asking for the size of", path) }
        return Int(status.st_size)
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        guard unsafe Glibc.rename(path, target) == 0 else { throw failure("renaming", path) }
    }

    package func remove(_ path: String) throws(StorageError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw failure("removing", path) }
    }

    package func makeFolder(_ path: String) throws(StorageError) {
        if unsafe mkdir(path, 0o750) == 0 { return }
        switch errno {
        case EEXIST:
            var status = stat()
            guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw .io(operation: "making the folder", path: path, errno: ENOTDIR)
            }
        case ENOENT where parentFolder(of: path) != path:
            try makeFolder(parentFolder(of: path))
            guard unsafe mkdir(path, 0o750) == 0 || errno == EEXIST else { throw failure("making the folder", path) }
        default: throw failure("making the folder", path)
        }
    }

    package func syncFolder(_ path: String) throws(StorageError) {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening", path) }
        defer { _ = Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("syncing", path) }
    }

    package func link(_ path: String, to target: String) throws(StorageError) {
        guard unsafe Glibc.link(path, target) == 0 else { throw failure("linking", path) }
    }

    package func freeSpace(at path: String) throws(StorageError) -> Int {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { throw failure("asking for the free space of", path) }
        let bytes = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return bytes.overflow ? .max : Int(clamping: bytes.partialValue)
    }

    package func totalSpace(at path: String) throws(StorageError) -> Int {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { throw failure("asking for the size of", path) }
        let bytes = UInt64(status.f_blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return bytes.overflow ? .max : Int(clamping: bytes.partialValue)
    }
}

func failure(_ operation: String, _ path: String, _ code: Int32 = errno) -> StorageError {
    code == ENOSPC || code == EDQUOT ? .diskFull(path: path) : .io(operation: operation, path: path, errno: code)
}
