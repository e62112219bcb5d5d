import CShims
import Glibc

/// What the kernel counts for this process.
package enum ProcessMemory {
    /// Bytes that only this process can give back: its resident memory without mapped files, which the kernel drops by
    /// itself when it needs the pages. 0 where the kernel does not say.
    package static var anonymousBytes: Int {
        let (resident, shared) = pages
        return (resident - shared) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    package static var residentBytes: Int { pages.resident * Int(sysconf(Int32(_SC_PAGESIZE))) }

    private static var pages: (resident: Int, shared: Int) {
        // statm: size, resident, shared, … in pages.
        let fields = (read("/proc/self/statm") ?? "").split(separator: " ").prefix(3).compactMap { Int($0) }
        guard fields.count == 3, fields[1] >= fields[2] else { return (0, 0) }
        return (fields[1], fields[2])
    }

    /// A small file of the kernel's, nil where there is none.
    package static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, initialized in
            initialized = unsafe max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Hands memory that was freed back to the kernel.
///
/// The allocator keeps what is freed for later, so the process would look as large as it ever was. Worth some
/// milliseconds after something big went: a sealing, a merge, series that left memory.
package enum ReleaseFreeMemory {
    package static func now() { needletail_release_free_memory() }

    /// To be called once, before there are threads: one arena for each core instead of eight, since what one thread
    /// frees in its arena no other arena can use.
    package static func prepare() {
        needletail_tune_allocator(Int32(clamping: max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }
}
