/// The file system as the engines see it, so that a test can tear a write, lose an unsynced page or fill the disk.
///
/// Every function throws ``StorageError``: `.diskFull` where there is no space, `.io` for everything else.
package protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: FileOpenMode) throws(StorageError) -> any File
    /// The whole file for reading; it stays readable after it was removed or renamed.
    func map(_ path: String) throws(StorageError) -> MappedFile
    /// Names (not paths) of what is in the folder, sorted.
    func list(_ folder: String) throws(StorageError) -> [String]
    func exists(_ path: String) -> Bool
    func size(of path: String) throws(StorageError) -> Int
    /// Replaces what is at `target`.
    func rename(_ path: String, to target: String) throws(StorageError)
    /// No error where there is no such file.
    func remove(_ path: String) throws(StorageError)
    /// With the folders above it; no error where it is there already.
    func makeFolder(_ path: String) throws(StorageError)
    /// Makes names in the folder (new, renamed, removed) durable.
    func syncFolder(_ path: String) throws(StorageError)
    func link(_ path: String, to target: String) throws(StorageError)
    /// Bytes that can still be written at `path`.
    func freeSpace(at path: String) throws(StorageError) -> Int
    /// Bytes of the whole file system that `path` is on.
    func totalSpace(at path: String) throws(StorageError) -> Int
}

package enum FileOpenMode: Hashable, Sendable {
    case read
    /// For writing at the end and reading; made where it is not there.
    case append
    /// Empty, for writing at the end and reading; what was there is gone.
    case create
}

/// An open file. Closed by ``close()`` or when the last reference goes.
package protocol File: AnyObject, Sendable {
    var path: String { get }
    /// Writes all of `bytes` at the end. When it throws, a part of them may be in the file: see ``truncate(to:)``.
    func append(_ bytes: ArraySlice<UInt8>) throws(StorageError)
    /// Fewer than `count` bytes only at the end of the file.
    func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8]
    func size() throws(StorageError) -> Int
    func truncate(to size: Int) throws(StorageError)
    /// Returns when the bytes are on stable storage.
    func sync() throws(StorageError)
    func close()
}

extension File {
    package func append(_ bytes: [UInt8]) throws(StorageError) { try append(bytes[...]) }
}

extension FileSystem {
    package func readAll(_ path: String) throws(StorageError) -> [UInt8] {
        let file = try open(path, .read)
        defer { file.close() }
        return try file.read(at: 0, count: try file.size())
    }

    /// Temporary file, sync, rename, sync of the folder: after a crash there is the old file or the new one, whole.
    package func writeAtomically(_ bytes: [UInt8], to path: String) throws(StorageError) {
        let temporary = path + ".tmp"
        do {
            let file = try open(temporary, .create)
            defer { file.close() }
            try file.append(bytes)
            try file.sync()
        } catch {
            try? remove(temporary)
            throw error
        }
        try rename(temporary, to: path)
        try syncFolder(parentFolder(of: path))
    }
}

/// `a/b` of `a/b/c`.
package func parentFolder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
