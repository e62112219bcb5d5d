import Codecs
import Foundation
import Storage
import TestSupport
import Testing

private func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
}

@Test func aDataFolderIsOpenOnceAndRefusesWhatItCannotRead() async throws {
    try await withTemporaryFolder { path in
        let path = path.path + "/deep/data"
        let folder = try DataFolder(opening: path)
        let second = refusal { _ = try DataFolder(opening: path) }
        #expect(second.contains(path) && second.contains("another needletail"), "\(second)")
        try folder.recordCodec(.zlib)
        try folder.catalog.setSetting("codec.\(BlockCodec.zstd)", "1")
        try folder.close()
        let without = refusal { try DataFolder(opening: path).close() }
        if BlockCodec.zstd.isAvailable {
            #expect(without == "no error")
        } else {
            #expect(without.contains(path) && without.contains("libzstd-dev"), "\(without)")
            let catalog = try Catalog(path: path + "/catalog.sqlite")
            try catalog.setSetting("codec.\(BlockCodec.zstd)", nil)
            try catalog.close()
        }
        let format = path + "/FORMAT"
        #expect(try String(contentsOfFile: format, encoding: .utf8) == "needletail 1\n")
        try "needletail 2\n".write(toFile: format, atomically: true, encoding: .utf8)
        let newer = refusal { _ = try DataFolder(opening: path) }
        #expect(newer.contains("format 2") && newer.contains(path), "\(newer)")
        try "rubbish".write(toFile: format, atomically: true, encoding: .utf8)
        #expect(refusal { _ = try DataFolder(opening: path) }.contains("FORMAT is damaged"))
        try "needletail 1\n".write(toFile: format, atomically: true, encoding: .utf8)
        // A failed opening lets the lock go.
        try DataFolder(opening: path).close()
    }
}

@Test func theCatalogSwapsWholeAndKeepsSettingsAndDocuments() async throws {
    try await withTemporaryFolder { path in
        let file = path.path + "/catalog.sqlite"
        var catalog = try Catalog(path: file)
        let part = { PartRecord(table: "series", file: $0, minTime: -5, maxTime: 9, rows: 3, bytes: 7, extra: "x") }
        let added = try catalog.swap(
            remove: [], add: [part("a"), part("b")], checkpoint: ("series", JournalPosition(segment: 3, sequence: 44)))
        // A name twice fails the whole transaction.
        #expect(throws: (any Error).self) {
            try catalog.swap(
                remove: [added[0].id], add: [part("c"), part("b")],
                checkpoint: ("series", JournalPosition(segment: 9, sequence: 99)))
        }
        try catalog.putDocument(kind: "silence", key: "2", body: "{}")
        try catalog.putDocument(kind: "silence", key: "1", body: "{\"a\":1}")
        try catalog.putDocument(kind: "silence", key: "1", body: "{\"a\":2}")
        try catalog.putDocument(kind: "alert", key: "1", body: "[]")
        try catalog.deleteDocument(kind: "alert", key: "1")
        try catalog.setSetting("k", "v")
        try catalog.close()
        catalog = try Catalog(path: file)
        #expect(try catalog.parts(of: "series") == added)
        #expect(try catalog.parts(of: "logs").isEmpty)
        #expect(try catalog.checkpoint(of: "series") == JournalPosition(segment: 3, sequence: 44))
        #expect(try catalog.checkpoint(of: "logs") == nil)
        #expect(try catalog.documents(kind: "silence").map(\.body) == ["{\"a\":2}", "{}"])
        #expect(try catalog.document(kind: "alert", key: "1") == nil)
        #expect(try catalog.setting("k") == "v")
        let next = try catalog.swap(remove: added.map(\.id), add: [part("a")])
        #expect(next[0].id > added[1].id, "ids are never used twice")
        try catalog.copy(to: path.path + "/copy.sqlite")
        #expect(try Catalog(path: path.path + "/copy.sqlite").parts(of: "series") == next)
        try catalog.close()
    }
}

@Test func theRealFileSystemSaysWhatFailed() async throws {
    try await withTemporaryFolder { folder in
        let disk = POSIXFileSystem()
        let path = folder.path + "/a/b/c"
        try disk.makeFolder(path)
        try disk.makeFolder(path)
        try disk.writeAtomically([1, 2, 3], to: path + "/f")
        let file = try disk.open(path + "/f", .append)
        try file.append([4, 5])
        #expect(try file.read(at: 1, count: 100) == [2, 3, 4, 5])
        try file.truncate(to: 4)
        try file.sync()
        file.close()
        #expect(refusal { try file.append([1]) }.contains("Bad file descriptor"))
        let map = try disk.map(path + "/f")
        try disk.link(path + "/f", to: path + "/g")
        try disk.rename(path + "/g", to: path + "/h")
        try disk.remove(path + "/f")
        try disk.remove(path + "/f")
        #expect(try disk.list(path) == ["h"])
        #expect(try map.bytes(at: 1, count: 3) == [2, 3, 4])
        #expect(try map.withSpan(at: 0, count: 4) { $0[3] } == 4)
        #expect(refusal { _ = try map.bytes(at: 3, count: 2) }.contains("damaged at byte 3"))
        #expect(refusal { _ = try disk.open(path + "/gone", .read) }.contains("No such file"))
        #expect(refusal { try disk.makeFolder(path + "/h/x") }.contains(path))
        #expect(try disk.freeSpace(at: path) > 0)
        // /dev/full answers every write with ENOSPC.
        let full = try disk.open("/dev/full", .append)
        #expect(throws: StorageError.diskFull(path: "/dev/full")) { try full.append([1]) }
        let sum = await withTaskExecutorPreference(QueryExecutor.shared) {
            await withTaskGroup(of: Int.self) { group in
                for i in 0..<100 { group.addTask { i } }
                return await group.reduce(0, +)
            }
        }
        #expect(sum == 4950)
    }
}
