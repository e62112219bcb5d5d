import Storage
import Synchronization
import TestSupport
import Testing

/// A journal on a disk that other programs fill and free at random, with crashes while it is full.
@Test func aFullDiskRefusesRecordsAndLosesAndInventsNone() async throws {
    var refusals = 0
    var openings = 0
    for seed in UInt64(1)...300 {
        var random = SeededGenerator(seed: seed)
        let disk = SimulatedFileSystem(seed: seed)
        let losing = seed % 2 == 0
        let options = JournalOptions(segmentBytes: 900, sync: losing ? .always : .interval(.seconds(3600)))
        var journal = try Journal(folder: "/j", fileSystem: disk, options: options)
        var kept: [UInt64: [UInt8]] = [:]
        var refused: Set<[UInt8]> = []
        for step in 0..<120 {
            // Each payload is one of a kind: a refused one that comes back would be seen.
            let payload =
                Array("\(seed) \(step) ".utf8) + [UInt8](repeating: 7, count: Int.random(in: 0...120, using: &random))
            switch Int.random(in: 0..<24, using: &random) {
            case ..<16:
                do {
                    kept[try await journal.append(payload).sequence] = payload
                } catch {
                    guard case StorageError.diskFull(let path) = error else {
                        Issue.record("seed \(seed), step \(step): \(error)")
                        return
                    }
                    #expect(path.hasPrefix("/j/"), "seed \(seed)")
                    refusals += 1
                    refused.insert(payload)
                }
            case 16, 17: disk.setCapacity(disk.used + Int.random(in: 0...200, using: &random))
            case 18: disk.setCapacity(disk.used)
            case 19: disk.setCapacity(.max)
            case 20:
                // A checkpoint; where the disk is too full for a new segment nothing has happened.
                do {
                    let position = try journal.rotate()
                    try journal.discard(before: position)
                    kept = [:]
                } catch {
                    guard case StorageError.diskFull = error else {
                        Issue.record("seed \(seed), step \(step): \(error)")
                        return
                    }
                }
            case 21:
                // Space is back: the next record is taken at once.
                disk.setCapacity(.max)
                kept[try await journal.append(payload).sequence] = payload
            default:
                disk.crash(losingUnsynced: losing)
                disk.restart()
                // Started on the full disk.
                openings += 1
                journal = try Journal(folder: "/j", fileSystem: disk, options: options)
                var found: [UInt64: [UInt8]] = [:]
                let report = try journal.replay(after: nil) { found[$0.sequence] = Array($1) }
                #expect(report.problems.isEmpty, "seed \(seed), step \(step): \(report.problems)")
                for (sequence, payload) in kept {
                    #expect(found[sequence] == payload, "seed \(seed), step \(step), record \(sequence)")
                }
                for payload in found.values {
                    #expect(!refused.contains(payload), "seed \(seed), step \(step): a refused record is back")
                }
            }
        }
    }
    #expect(refusals > 1000 && openings > 1000)
}

@Test func ingestionStopsBeforeTheLastByteAndDoesNotFlutter() throws {
    // Total and expected reserve.
    let disks: [(Int, Int)] = [
        (64 << 20, 8 << 20), (1 << 30, 16 << 20), (10 << 30, (10 << 30) / 100), (1 << 40, 256 << 20), (0, 0),
    ]
    for (total, reserve) in disks { #expect(DiskSpace.reserve(of: total) == reserve, "\(total)") }

    let free = Mutex<Int?>(1 << 30)
    let disk = DiskSpace(path: "/data") { free.withLock { $0 }.map { (free: $0, total: 1 << 30) } }
    // Megabytes free, and whether it counts as full then; the reserve is 16.
    let course: [(Int?, Bool)] = [
        (900, false), (17, false), (15, true), (17, true), (31, true), (nil, true), (33, false), (17, false), (0, true),
    ]
    for (megabytes, isFull) in course {
        free.withLock { $0 = megabytes.map { $0 << 20 } }
        disk.look()
        #expect(disk.isFull == isFull, "\(megabytes as Any)")
    }
    #expect(throws: StorageError.diskFull(path: "/data")) { try disk.refuseWhenFull() }
    #expect(DiskSpace(path: "/").freeBytes == -1)
    let real = DiskSpace(path: "/")
    real.look()
    #expect(real.freeBytes >= 0)
}
