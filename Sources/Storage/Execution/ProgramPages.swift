import Glibc

/// Pages of the program and its libraries that only a start needs: they are in the kernel's cache of files anyway, and
/// come back from there by themselves when they are run again. Without this, half of what a small process takes is code
/// that it has run once.
package enum ProgramPages {
    package static func letGo() {
        for range in ranges(ofMaps: maps()) {
            guard let start = unsafe UnsafeMutableRawPointer(bitPattern: range.lowerBound) else { continue }
            _ = unsafe madvise(start, Int(range.upperBound - range.lowerBound), MADV_DONTNEED)
        }
    }

    /// Code alone, which is never written to: other pages of a file may have been changed, and would be lost.
    package static func ranges(ofMaps text: String) -> [Range<UInt>] {
        text.split(separator: "\n").compactMap { line in
            // 00400000-03d7c000 r-xp 00000000 fe:01 3409          /usr/bin/needletail
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].first == "/" else { return nil }
            let ends = fields[0].split(separator: "-")
            guard ends.count == 2, let lower = UInt(ends[0], radix: 16), let upper = UInt(ends[1], radix: 16),
                lower < upper
            else { return nil }
            return lower..<upper
        }
    }

    private static func maps() -> String {
        let descriptor = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { _ = close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, initialized in
                initialized = unsafe max(0, read(descriptor, buffer.baseAddress, buffer.count))
            }
            guard !piece.isEmpty else { break }
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
