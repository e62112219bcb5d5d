import Agent
import Testing
import TestSupport

/// Files in memory, for decisions that ask for bytes.
private struct Disk {
    var files: [String: (identity: FileIdentity, bytes: [UInt8], modified: Int64)] = [:]

    mutating func put(_ path: String, _ inode: UInt64, _ text: String, modified: Int64 = 0) {
        files[path] = (FileIdentity(device: 1, inode: inode), Array(text.utf8), modified)
    }

    func read(_ path: String, _ offset: Int, _ count: Int) -> [UInt8] {
        guard let file = files[path], offset >= 0 else { return [] }
        return Array(file.bytes.dropFirst(offset).prefix(count))
    }

    func seen(_ path: String) -> SeenFile? {
        files[path].map { SeenFile(path: path, identity: $0.identity, size: $0.bytes.count, modified: $0.modified) }
    }

    /// A position as a tail has it that read `offset` bytes of a text.
    static func position(_ path: String, _ inode: UInt64, _ text: String, offset: Int, read: Int? = nil) -> FilePosition {
        let end = read ?? offset
        let bytes = Array(text.utf8.prefix(end))
        return FilePosition(
            identity: FileIdentity(device: 1, inode: inode), path: path, offset: offset,
            head: Fingerprint(Array(bytes.prefix(Fingerprint.longestHead))),
            trail: Fingerprint(bytes.suffix(Fingerprint.longestTrail)), trailEnd: end)
    }
}

@Suite struct TailingTests {
    @Test func `names that rotation gives, and compressed ones`() {
        let cases: [(name: String, original: String, isRotated: Bool)] = [
            ("app.log.1", "app.log", true), ("app.log-20260822", "app.log", true), ("app.log.old", "app.log", true),
            ("app.log~", "app.log", true), ("app-2026-08-22.log", "app.log", true), ("app.1.log", "app.log", true),
            ("app.log", "app.log", false), ("app.log.1.gz", "app.log", false), ("app.log.2.zst", "app.log", false),
            ("apple.log", "app.log", false), ("app-errors.log", "app.log", false), ("app.logs", "app.log", false),
            ("other.log.1", "app.log", false), ("messages.1", "messages", true), ("messages-1", "messages", true),
            ("a", "app.log", false), ("app.log.", "app.log", true),
        ]
        for (name, original, expected) in cases {
            #expect(Rotation.isRotated(name, of: original) == expected, "\(name) of \(original)")
        }
        #expect(Rotation.isCompressed(head: [0x1f, 0x8b, 0x08, 0]) && !Rotation.isCompressed(head: Array("plain".utf8)))
    }

    @Test func `a known inode is the same file, truncated, or another file`() {
        var disk = Disk()
        let known = Disk.position("/l/a", 7, "first line\nsecond\n", offset: 11, read: 14)
        let cases: [(text: String, expected: Rotation.Judgement)] = [
            ("first line\nsecond\nthird\n", .same), ("first line\nsec", .same), ("first line\nse", .fresh),
            ("first", .fresh), ("", .fresh), ("other words\nof another file\n", .fresh),
        ]
        for (text, expected) in cases {
            disk.put("/l/a", 7, text)
            guard let seen = disk.seen("/l/a") else { continue }
            #expect(Rotation.judge(seen, known, disk.read) == expected, "\(text)")
        }
        // Programs begin each time alike, with more than is looked at of a file's beginning.
        let banner = String(repeating: "the same at each start\n", count: 60)
        let longer = Disk.position("/l/b", 8, banner + "first 1\nfirst 2\n", offset: banner.utf8.count + 16)
        for (text, expected) in [
            ("first 1\nfirst 2\nfirst 3\n", Rotation.Judgement.same), ("second 1\nsecond 2\nsecond 3\n", .fresh),
        ] {
            disk.put("/l/b", 8, banner + text)
            guard let seen = disk.seen("/l/b") else { continue }
            #expect(Rotation.judge(seen, longer, disk.read) == expected, "\(text)")
        }
    }

    @Test func `the rest of a rotated file is found: renamed, copied, and with generations between`() {
        let old = "old 1\nold 2\nold 3\n"
        let lost = Disk.position("/l/a", 7, old, offset: 6)
        func remainders(_ disk: Disk, current: UInt64?, known: [FilePosition] = [lost]) -> [String] {
            let siblings = disk.files.keys.sorted().filter { $0 != "/l/a" }.compactMap(disk.seen)
            return Rotation.remainders(
                of: lost, current: current.map { FileIdentity(device: 1, inode: $0) }, siblings: siblings,
                known: Dictionary(uniqueKeysWithValues: known.map { ($0.identity, $0) }), disk.read
            ).map { "\($0.file.path)@\($0.offset)" }
        }
        var renamed = Disk()
        renamed.put("/l/a.1", 7, old, modified: 5)
        renamed.put("/l/a", 8, "new\n", modified: 9)
        #expect(remainders(renamed, current: 8) == ["/l/a.1@6"])
        // Twice while nobody looked: what is between was never read.
        renamed.put("/l/a.2", 7, old, modified: 5)
        renamed.put("/l/a.1", 9, "between\n", modified: 7)
        #expect(remainders(renamed, current: 8) == ["/l/a.2@6", "/l/a.1@0"])
        // But not what is older, or known.
        renamed.put("/l/a.3", 10, "ancient\n", modified: 1)
        #expect(remainders(renamed, current: 8) == ["/l/a.2@6", "/l/a.1@0"])
        let between = Disk.position("/l/a", 9, "between\n", offset: 8)
        #expect(remainders(renamed, current: 8, known: [lost, between]) == ["/l/a.2@6"])

        var copied = Disk()
        copied.put("/l/a", 7, "fresh\n", modified: 9)
        copied.put("/l/a.1", 11, old, modified: 8)
        #expect(remainders(copied, current: 7) == ["/l/a.1@6"])
        // A file with the same beginning that goes on otherwise is no copy, and neither is a shorter one.
        copied.put("/l/a.1", 11, "old 1 and another line\n", modified: 8)
        #expect(remainders(copied, current: 7) == [])
        copied.put("/l/a.1", 11, "old", modified: 8)
        #expect(remainders(copied, current: 7) == [])
        // The inode was given to another file.
        var reused = Disk()
        reused.put("/l/a.1", 7, "entirely different content\n", modified: 8)
        #expect(remainders(reused, current: 8) == [])
    }

    @Test func `a copy beside its original is passed over, finished or not`() {
        let text = "line 1\nline 2\nline 3\n"
        let original = Disk.position("/l/a", 7, text, offset: text.utf8.count)
        let now: Int64 = 100_000_000_000
        let cases: [(String, Int64, Rotation.Origin)] = [
            (text, now, .copy), (text + "more\n", now, .copy), ("line 1\nli", now, .new), ("", now, .copy),
            ("", now - 60_000_000_000, .new), ("something else that is long enough\n", now, .new),
        ]
        for (content, modified, expected) in cases {
            var disk = Disk()
            disk.put("/l/a.1", 12, content, modified: modified)
            guard let seen = disk.seen("/l/a.1") else { continue }
            #expect(Rotation.origin(of: seen, originals: [original], now: now, disk.read) == expected, "\(content)")
        }
    }

    @Test func `lines are the same however their bytes come`() {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 60)) {
            var chance = SeededGenerator(seed: seed)
            var text: [UInt8] = []
            var expected: [String] = []
            for _ in 0..<Int.random(in: 0...40, using: &chance) {
                let length = Int.random(in: 0...50, using: &chance)
                let line = (0..<length).map { _ in UInt8.random(in: 97...122, using: &chance) }
                text += line + (Bool.random(using: &chance) ? [0x0a] : [0x0d, 0x0a])
                let kept = String(decoding: line.prefix(32), as: UTF8.self)
                // The carriage return of a cut line counts: it is not known to be the end's.
                let isCR = text.suffix(2).first == 0x0d
                let total = length + (isCR ? 1 : 0)
                expected.append(total > 32 && length > 31 + (isCR ? 0 : 1) ? "\(kept)…[cut: \(total) bytes]" : kept)
            }
            let ends = text.indices.filter { text[$0] == 0x0a }.map { $0 + 1 }
            text += Array("unfinished".utf8)
            var splitter = LineSplitter(longest: 32)
            var found: [String] = []
            var foundEnds: [Int] = []
            var at = 0
            while at < text.count {
                let count = min(text.count - at, Int.random(in: 1...70, using: &chance))
                splitter.feed(Array(text[at..<(at + count)]), at: at) { line, end in
                    found.append(String(decoding: line, as: UTF8.self))
                    foundEnds.append(end)
                }
                at += count
            }
            #expect(foundEnds == ends, "seed \(seed)")
            #expect(found == expected, "seed \(seed)")
            #expect(splitter.unfinishedBytes == 10)
            splitter.finish(end: at) { line, _ in #expect(line.elementsEqual("unfinished".utf8)) }
        }
    }

    @Test func `paths are found by patterns with folders at any depth`() throws {
        let tree = [
            "/var/log/a.log", "/var/log/b.txt", "/var/log/.hidden.log", "/var/log/x/a.log", "/var/log/x/y/z.log",
            "/var/log/[odd].log", "/srv/1/app.log", "/srv/22/app.log",
        ]
        var folders: Set<String> = ["/"]
        for path in tree {
            var parts = path.split(separator: "/").dropLast()
            while !parts.isEmpty {
                folders.insert("/" + parts.joined(separator: "/"))
                parts = parts.dropLast()
            }
        }
        func list(_ folder: String) -> [String]? {
            let prefix = folder == "/" ? "/" : folder + "/"
            return Set((tree + folders).filter { $0.hasPrefix(prefix) && $0 != folder && $0 != "/" }
                .compactMap { $0.dropFirst(prefix.count).split(separator: "/").first.map(String.init) }).sorted()
        }
        let cases: [(pattern: String, files: [String])] = [
            ("/var/log/*.log", ["/var/log/[odd].log", "/var/log/a.log"]),
            ("/var/log/**/*.log", ["/var/log/[odd].log", "/var/log/a.log", "/var/log/x/a.log", "/var/log/x/y/z.log"]),
            ("/var/**", ["/var/log/[odd].log", "/var/log/a.log", "/var/log/b.txt", "/var/log/x/a.log", "/var/log/x/y/z.log"]),
            ("/srv/?/app.log", ["/srv/1/app.log"]), ("/srv/[0-9]*/app.log", ["/srv/1/app.log", "/srv/22/app.log"]),
            ("/var/log/.*.log", ["/var/log/.hidden.log"]), ("/var/log/none/*.log", []),
            ("/var/log/a.log", ["/var/log/a.log"]), ("/var/log/\\[odd\\].log", ["/var/log/[odd].log"]),
        ]
        for (text, expected) in cases {
            let pattern = try PathPattern(text)
            var found = PathPattern.Found()
            pattern.expand(list: list, isFolder: folders.contains, into: &found)
            #expect(Set(found.files).sorted() == expected, "\(text)")
            for path in tree { #expect(pattern.matches(path) == expected.contains(path), "\(path) by \(text)") }
        }
        for bad in ["relative/*.log", "/a/[z", "/", ""] { #expect(throws: AgentError.self, "\(bad)") { try PathPattern(bad) } }
    }
}
