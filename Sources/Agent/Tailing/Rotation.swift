/// A file as it is on disk now.
package struct SeenFile: Hashable, Sendable {
    package var path: String
    package var identity: FileIdentity
    package var size: Int
    /// Nanoseconds since 1970.
    package var modified: Int64

    package init(path: String, identity: FileIdentity, size: Int, modified: Int64) {
        self.path = path
        self.identity = identity
        self.size = size
        self.modified = modified
    }
}

/// The decisions of tailing: which file is which, and where to go on. They ask for bytes of files by `read` (path,
/// offset, count; fewer at the end of the file) and do nothing else.
package enum Rotation {
    package typealias Reading = (_ path: String, _ offset: Int, _ count: Int) -> [UInt8]

    package enum Judgement: Hashable, Sendable {
        /// The file that we know, at least as long as we read it.
        case same
        /// It was truncated, or its inode now belongs to another file: from its beginning.
        case fresh
    }

    /// Whether a file with a known identity is still that file: it holds what was read of it, by its beginning and by the
    /// bytes before the place. Many programs begin each time alike.
    package static func judge(_ file: SeenFile, _ known: FilePosition, _ read: Reading) -> Judgement {
        guard file.size >= max(known.offset, known.trailEnd),
            known.head.matches(read(file.path, 0, known.head.length)),
            known.trail.matches(read(file.path, known.trailEnd - known.trail.length, known.trail.length))
        else { return .fresh }
        return .same
    }

    /// A stretch of a file to be read before the file that now has the name.
    package struct Remainder: Hashable, Sendable {
        package var file: SeenFile
        package var offset: Int

        package init(file: SeenFile, offset: Int) {
            self.file = file
            self.offset = offset
        }
    }

    /// Where the rest of a file is whose name now belongs to another one, or which was truncated: the renamed file, or
    /// the copy that was made before the truncation, and the generations between that one and the present.
    ///
    /// `siblings` are files of the folder with names that rotation gives (``isRotated(_:of:)``); `known` are the
    /// positions of all files, the lost one's included.
    package static func remainders(
        of lost: FilePosition, current: FileIdentity?, siblings: [SeenFile], known: [FileIdentity: FilePosition],
        _ read: Reading
    ) -> [Remainder] {
        let others = siblings.filter { $0.identity != current && $0.path != lost.path }
        var found = others.first { $0.identity == lost.identity && judge($0, lost, read) == .same }
        if found == nil, lost.trailEnd > 0 {
            // The newest first: an older copy holds the same beginning only by accident.
            found = others.sorted { $0.modified > $1.modified }.first { file in
                (known[file.identity] == nil || file.identity == lost.identity) && isCopy(file, of: lost, read)
            }
        }
        guard let found else { return [] }
        let between = others.filter {
            known[$0.identity] == nil && $0.identity != found.identity && $0.modified >= found.modified
        }
        return [Remainder(file: found, offset: lost.offset)]
            + between.sorted { ($0.modified, $0.path) < ($1.modified, $1.path) }.map { Remainder(file: $0, offset: 0) }
    }

    /// Whether the file holds what was read of the other one, by its beginning and by the bytes before the place.
    static func isCopy(_ file: SeenFile, of lost: FilePosition, _ read: Reading) -> Bool {
        guard file.size >= max(lost.offset, lost.trailEnd), lost.head.length > 0, lost.trail.length > 0 else {
            return false
        }
        return lost.head.matches(read(file.path, 0, lost.head.length))
            && lost.trail.matches(read(file.path, lost.trailEnd - lost.trail.length, lost.trail.length))
    }

    /// What a file with an unknown identity is whose name rotation could have made of a file that we read.
    package enum Origin: Hashable, Sendable {
        case new
        /// It holds what we read, or what we read so far of a copy under way: it is passed over, unless the original is
        /// truncated.
        case copy
    }

    /// `now` in nanoseconds since 1970.
    package static func origin(
        of file: SeenFile, originals: [FilePosition], now: Int64, _ read: Reading
    ) -> Origin {
        for original in originals where original.path != file.path && original.head.length > 0 {
            if isCopy(file, of: original, read) { return .copy }
            let isYoung = now - file.modified < 10_000_000_000
            guard isYoung, file.size < max(original.offset, original.trailEnd) else { continue }
            // The copy is not finished.
            let head = read(file.path, 0, original.head.length)
            if head.isEmpty || (head.count >= original.head.length && original.head.matches(head)) { return .copy }
        }
        return .new
    }

    /// Whether `name` is what rotation makes of `original`: `app.log.1`, `app.log-20260822`, `app-2026-08-22.log`.
    package static func isRotated(_ name: String, of original: String) -> Bool {
        guard name != original, !isCompressed(name) else { return false }
        let name = Array(name.utf8)
        let original = Array(original.utf8)
        func isMark(_ byte: UInt8) -> Bool { byte == 0x2e || byte == 0x2d || byte == 0x5f || byte == 0x7e }
        if name.count > original.count, name.starts(with: original) { return isMark(name[original.count]) }
        guard let dot = original.lastIndex(of: 0x2e), dot > 0 else { return false }
        let stem = original[..<dot]
        let ending = original[dot...]
        guard name.count > original.count + 1, name.starts(with: stem), name.suffix(ending.count) == ending else {
            return false
        }
        let next = name[stem.count + 1]
        return isMark(name[stem.count]) && next >= 0x30 && next <= 0x39
    }

    private static let compressedEndings = [
        ".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z", ".tgz", ".lzma", ".br", ".7z",
    ]

    package static func isCompressed(_ name: String) -> Bool {
        compressedEndings.contains { name.utf8.count > $0.utf8.count && name.hasSuffix($0) }
    }

    /// Whether bytes begin as gzip, zstd, xz or bzip2 do: rotation compresses under any name.
    package static func isCompressed(head: [UInt8]) -> Bool {
        head.starts(with: [0x1f, 0x8b, 0x08]) || head.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
            || head.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a]) || head.starts(with: [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41])
    }
}
