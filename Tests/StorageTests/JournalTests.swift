import Codecs
import Foundation
import Storage
import TestSupport
import Testing

private func replayed(_ journal: Journal, after: JournalPosition? = nil) throws -> (
    [UInt64: [UInt8]], JournalReplayReport
) {
    var records: [UInt64: [UInt8]] = [:]
    let report = try journal.replay(after: after) { records[$0.sequence] = Array($1) }
    return (records, report)
}

@Test func acknowledgedRecordsSurviveCrashesFullDisksAndRotation() async throws {
    for seed in UInt64(1)...200 {
        var random = SeededGenerator(seed: seed)
        let disk = SimulatedFileSystem(seed: seed)
        let losing = seed % 2 == 0
        let options = JournalOptions(segmentBytes: 600, sync: losing ? .always : .interval(.seconds(3600)))
        var journal = try Journal(folder: "/j", fileSystem: disk, options: options)
        var kept: [UInt64: [UInt8]] = [:]
        for _ in 0..<60 {
            let payload = [UInt8](
                repeating: UInt8.random(in: 0...255, using: &random), count: Int.random(in: 0...90, using: &random))
            do {
                switch Int.random(in: 0..<20, using: &random) {
                case ..<13: kept[try await journal.append(payload).sequence] = payload
                case 13:
                    let position = try journal.rotate()
                    if Bool.random(using: &random) {
                        kept = [:]
                        try journal.discard(before: position)
                    }
                case 14: disk.crash(afterChanges: Int.random(in: 1...6, using: &random), losingUnsynced: losing)
                case 15: disk.setCapacity(disk.used + Int.random(in: 0...60, using: &random))
                case 16: disk.setCapacity(.max)
                default: disk.crash(losingUnsynced: losing)
                }
            } catch StorageError.diskFull {
                disk.setCapacity(.max)
                // The crash that was planned may come with this one.
                if !disk.isCrashed, let position = try? await journal.append(payload) {
                    kept[position.sequence] = payload
                }
            } catch {
                #expect(disk.isCrashed, "seed \(seed): \(error)")
            }
            guard disk.isCrashed else { continue }
            disk.restart()
            disk.setCapacity(.max)
            journal = try Journal(folder: "/j", fileSystem: disk, options: options)
            let (records, report) = try replayed(journal)
            for (sequence, payload) in kept {
                #expect(records[sequence] == payload, "seed \(seed), record \(sequence)")
            }
            #expect(report.problems.isEmpty, "seed \(seed): \(report.problems)")
        }
    }
}

@Test func damageInAJournalIsNamedAndSkipped() async throws {
    let disk = SimulatedFileSystem(seed: 1)
    let journal = try Journal(folder: "/j", fileSystem: disk)
    for i in 0..<50 { _ = try await journal.append([UInt8](repeating: UInt8(i), count: 40)) }
    try journal.close()
    await #expect(throws: StorageError.closed) { try await journal.append([]) }
    let path = "/j/00000001.journal"
    let original = try disk.readAll(path)
    for offset in 0..<original.count {
        if (8..<12).contains(offset) { continue }
        disk.alter(path) { $0[offset] ^= 0x10 }
        let again = try Journal(folder: "/j", fileSystem: disk)
        let (records, report) = try replayed(again)
        // The header costs nothing but its own checksum; a record costs itself.
        #expect(records.count == (offset < 24 ? 50 : 49), "offset \(offset)")
        let isLast = offset >= original.count - 56
        if isLast {
            #expect(report.tornBytes == 56, "offset \(offset)")
        } else {
            let place = offset < 24 ? 0 : 24 + (offset - 24) / 56 * 56
            #expect(
                report.problems.contains { $0.contains("\(path) is damaged at byte \(place):") },
                "\(offset): \(report.problems)")
        }
        // Writing goes on behind it.
        let next = try await again.append([1, 2, 3])
        #expect(try replayed(again).0[next.sequence] == [1, 2, 3], "offset \(offset)")
        try again.close()
        for file in disk.files where file != path { try disk.remove(file) }
        disk.alter(path) { $0 = original }
    }
    disk.alter(path) { bytes in
        bytes[8] = 9
        var checksum = CRC32C.checksum(bytes[..<20])
        for i in 20..<24 {
            bytes[i] = UInt8(truncatingIfNeeded: checksum)
            checksum >>= 8
        }
    }
    #expect(throws: StorageError.self) { try Journal(folder: "/j", fileSystem: disk) }
}

@Test func manyAppendersShareWritesAndReplayGoesFromAPosition() async throws {
    try await withTemporaryFolder { folder in
        let options = JournalOptions(segmentBytes: 20_000, sync: .interval(.milliseconds(1)))
        let journal = try Journal(folder: folder.path + "/j", fileSystem: POSIXFileSystem(), options: options)
        let positions = try await withThrowingTaskGroup(of: [(UInt64, UInt8)].self) { group in
            for task in 0..<8 {
                group.addTask {
                    var mine: [(UInt64, UInt8)] = []
                    for _ in 0..<200 {
                        let payload = [UInt8](repeating: UInt8(task), count: 30)
                        mine.append((try await journal.append(payload).sequence, UInt8(task)))
                    }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(positions.map(\.0)) == Set(1...1600))
        let middle = try journal.rotate()
        #expect(middle.sequence == 1600)
        _ = try await journal.append([9])
        // The process is gone without a close.
        let again = try Journal(folder: folder.path + "/j", fileSystem: POSIXFileSystem(), options: options)
        let (records, _) = try replayed(again)
        for (sequence, task) in positions { #expect(records[sequence]?.first == task) }
        #expect(try replayed(again, after: middle).0 == [1601: [9]])
        let before = again.bytes
        try again.discard(before: middle)
        #expect(again.bytes < before / 10)
        #expect(try replayed(again).0 == [1601: [9]])
        try again.close()
    }
}
