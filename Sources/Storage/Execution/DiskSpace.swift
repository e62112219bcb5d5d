import Glibc
import Synchronization

/// Whether the disk has room for more data: one atomic load to ask.
///
/// Ingestion stops a little before the disk is full, so that what is in memory can still be sealed, which lets the
/// journal go and is what makes room again; the catalog needs some pages too.
package final class DiskSpace: Sendable {
    package let path: String
    private let isLow = Atomic(false)
    private let free = Atomic(-1)
    private let measure: @Sendable () -> (free: Int, total: Int)?

    package convenience init(path: String) {
        self.init(path: path) { DiskSpace.measured(at: path) }
    }

    package init(path: String, measure: @escaping @Sendable () -> (free: Int, total: Int)?) {
        self.path = path
        self.measure = measure
    }

    package var isFull: Bool { isLow.load(ordering: .relaxed) }

    /// As of the last look; -1 before it.
    package var freeBytes: Int { free.load(ordering: .relaxed) }

    /// Space that ingestion leaves: a hundredth of a large disk, at most 256 MiB; an eighth of a tiny one.
    package static func reserve(of total: Int) -> Int { min(256 << 20, max(total / 100, min(total / 8, 16 << 20))) }

    /// To be called about every second.
    package func look() {
        guard let (left, total) = measure() else { return }
        free.store(left, ordering: .relaxed)
        let reserve = DiskSpace.reserve(of: total)
        // Twice the reserve before it goes on: the first batch would end it again.
        isLow.store(left < (isFull ? reserve &* 2 : reserve), ordering: .relaxed)
    }

    /// For the first line of an append.
    package func refuseWhenFull() throws(StorageError) {
        if isFull { throw .diskFull(path: path) }
    }
}

extension DiskSpace {
    static func measured(at path: String) -> (free: Int, total: Int)? {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        let block = UInt64(status.f_frsize)
        let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: block)
        let total = UInt64(status.f_blocks).multipliedReportingOverflow(by: block)
        guard !free.overflow, !total.overflow else { return nil }
        return (Int(clamping: free.partialValue), Int(clamping: total.partialValue))
    }
}
