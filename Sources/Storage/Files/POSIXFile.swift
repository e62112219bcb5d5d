import Glibc
import Synchronization

final class POSIXFile: File {
    let path: String
    /// -1 once closed.
    private let descriptor: Atomic<Int32>

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = Atomic(descriptor)
    }

    deinit { close() }

    func close() {
        let open = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0 { _ = Glibc.close(open) }
    }

    private var number: Int32 { descriptor.load(ordering: .acquiring) }

    func append(_ bytes: ArraySlice<UInt8>) throws(StorageError) {
        var written = 0
        var code: Int32 = 0
        unsafe bytes.withUnsafeBytes { buffer in
            while written < buffer.count {
                guard let start = buffer.baseAddress else { return }
                let n = unsafe write(number, start + written, buffer.count - written)
                if n < 0 && errno == EINTR { continue }
                if n <= 0 {
                    code = n == 0 ? ENOSPC : errno
                    return
                }
                written += n
            }
        }
        if code != 0 { throw failure("writing", path, code) }
    }

    func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        guard offset >= 0, count >= 0 else { throw .io(operation: "reading", path: path, errno: EINVAL) }
        var code: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = 0
            guard let start = buffer.baseAddress else { return }
            while initialized < count {
                let n = unsafe pread(number, start + initialized, count - initialized, off_t(offset + initialized))
                if n < 0 && errno == EINTR { continue }
                if n < 0 { code = errno }
                if n <= 0 { return }
                initialized += n
            }
        }
        if code != 0 { throw failure("reading", path, code) }
        return bytes
    }

    func size() throws(StorageError) -> Int {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw failure("asking for the size of", path) }
        return Int(status.st_size)
    }

    func truncate(to size: Int) throws(StorageError) {
        guard ftruncate(number, off_t(size)) == 0 else { throw failure("truncating", path) }
    }

    func sync() throws(StorageError) {
        guard fdatasync(number) == 0 else { throw failure("syncing", path) }
    }
}
