import Glibc

/// What the kernel says about an open file.
struct OpenStatus {
    var identity: FileIdentity
    var size: Int
    var modified: Int64
    /// Whether it still has a name.
    var hasName: Bool
}

/// A file open for reading.
final class OpenFile {
    private let descriptor: Int32

    init(path: String) throws(AgentError) {
        // Not blocking: what was a file a moment ago may be a pipe now.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        if descriptor < 0 { throw AgentError("\(path) cannot be opened: \(Machine.words(errno))") }
    }

    deinit { close(descriptor) }

    var status: OpenStatus? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return OpenStatus(
            identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
            size: Int(status.st_size), modified: Machine.nanoseconds(status.st_mtim), hasName: status.st_nlink > 0)
    }

    /// Fewer bytes at the end of the file, none on an error.
    func read(at offset: Int, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = 0
            guard let start = buffer.baseAddress else { return }
            while initialized < count {
                let n = pread(descriptor, start + initialized, count - initialized, off_t(offset + initialized))
                if n < 0, errno == EINTR { continue }
                if n <= 0 { return }
                initialized += n
            }
        }
    }
}

/// The machine's clock, names and files.
enum Machine {
    static func words(_ code: Int32) -> String { String(cString: strerror(code)) }

    static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Nanoseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }

    /// Milliseconds of a clock that never goes back.
    static var monotonic: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return nanoseconds(time) / 1_000_000
    }

    static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static var workingFolder: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return path.pointee == 0x2f && path[1] == 0 ? "" : String(cString: path)
    }

    /// A regular file, symbolic links followed.
    static func file(_ path: String) -> SeenFile? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return SeenFile(
            path: path, identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
            size: Int(status.st_size), modified: nanoseconds(status.st_mtim))
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func list(_ folder: String) -> [String]? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String, _ offset: Int, _ count: Int) -> [UInt8] {
        guard count > 0, offset >= 0, let file = try? OpenFile(path: path) else { return [] }
        return file.read(at: offset, count: count)
    }

    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// A pipe that no child inherits: its ends for reading and for writing.
    static func pipe(isBlocking: Bool) -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            if !isBlocking { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        }
        return (ends[0], ends[1])
    }

    /// As many open files as we may have: each file that is tailed is one.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
