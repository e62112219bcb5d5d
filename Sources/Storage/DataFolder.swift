import Codecs
import Glibc
import Synchronization

/// The folder that holds everything needletail stores. One process at a time has it open.
package final class DataFolder: Sendable {
    /// Of the whole folder, written to `FORMAT`.
    package static let format = 1

    package let path: String
    package let fileSystem: any FileSystem
    package let catalog: Catalog
    /// Descriptor of `LOCK`, -1 where there is none to release.
    private let lock: Atomic<Int32>
    private let recorded = Mutex<Set<BlockCodec>>([])

    /// Opens or makes the folder. Throws ``StorageError/unsupported(_:)`` where another process has it, where it was
    /// written by a newer version, or where it needs zstd and this build has none.
    package init(opening path: String) throws {
        let fileSystem = POSIXFileSystem()
        try fileSystem.makeFolder(path)
        let descriptor = try DataFolder.acquireLock(path)
        do {
            try DataFolder.checkFormat(path, fileSystem)
            let catalog = try Catalog(path: path + "/catalog.sqlite")
            try DataFolder.checkCodecs(path, catalog)
            self.catalog = catalog
        } catch {
            _ = Glibc.close(descriptor)
            throw error
        }
        self.path = path
        self.fileSystem = fileSystem
        lock = Atomic(descriptor)
    }

    /// Over a simulated disk and a catalog that outlives its crashes.
    package init(simulated path: String, fileSystem: any FileSystem, catalog: Catalog) throws {
        try fileSystem.makeFolder(path)
        try DataFolder.checkFormat(path, fileSystem)
        try DataFolder.checkCodecs(path, catalog)
        self.path = path
        self.fileSystem = fileSystem
        self.catalog = catalog
        lock = Atomic(-1)
    }

    deinit { release() }

    private func release() {
        let descriptor = lock.exchange(-1, ordering: .acquiringAndReleasing)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    /// Closes the catalog and lets another process in.
    package func close() throws {
        defer { release() }
        if lock.load(ordering: .acquiring) >= 0 { try catalog.close() }
    }

    /// Path of a folder inside, made where it is not there.
    package func folder(_ name: String) throws -> String {
        try fileSystem.makeFolder(path + "/" + name)
        return path + "/" + name
    }

    /// To be called before the first block with this codec is written.
    package func recordCodec(_ codec: BlockCodec) throws {
        guard !recorded.withLock({ $0.contains(codec) }) else { return }
        try catalog.setSetting("codec.\(codec)", "1")
        recorded.withLock { _ = $0.insert(codec) }
    }

    private static func acquireLock(_ path: String) throws -> Int32 {
        let file = path + "/LOCK"
        let descriptor = unsafe Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure("opening", file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            _ = Glibc.close(descriptor)
            guard code == EWOULDBLOCK else { throw failure("locking", file, code) }
            throw StorageError.unsupported(
                "the data folder \(path) is in use by another needletail; stop that one or choose another folder")
        }
        return descriptor
    }

    private static func checkFormat(_ path: String, _ fileSystem: any FileSystem) throws {
        let file = path + "/FORMAT"
        guard fileSystem.exists(file) else {
            try fileSystem.writeAtomically(Array("needletail \(format)\n".utf8), to: file)
            return
        }
        let text = String(decoding: try fileSystem.readAll(file), as: UTF8.self)
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 2, words[0] == "needletail", let found = Int(words[1]), found > 0 else {
            throw StorageError.corrupt(path: file, offset: 0, reason: "it does not say which format the folder has")
        }
        guard found <= format else {
            throw StorageError.unsupported(
                "the data folder \(path) has format \(found) and this needletail reads up to \(format); "
                    + "use a newer needletail"
            )
        }
    }

    private static func checkCodecs(_ path: String, _ catalog: Catalog) throws {
        for codec in BlockCodec.allCases where !codec.isAvailable {
            guard try catalog.setting("codec.\(codec)") != nil else { continue }
            throw StorageError.unsupported(
                "the data folder \(path) holds blocks compressed with \(codec), which this build of needletail cannot "
                    + "read; install lib\(codec)-dev and build again, or use a build with \(codec)")
        }
    }
}
