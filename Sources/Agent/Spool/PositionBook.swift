import Storage
import Wire

/// How far every file and journal was taken over, as of a batch in the spool.
package struct PositionBook: Sendable, Hashable {
    /// The last batch whose positions are in here.
    package var sequence: UInt64 = 0
    package var files: [FileIdentity: FilePosition] = [:]
    /// The journal's cursor by the name of its source.
    package var cursors: [String: String] = [:]

    package init() {}

    /// One change, as it stands in the spool beside the batch that brought it.
    package enum Change: Sendable, Hashable {
        case file(FilePosition)
        case cursor(source: String, String)
    }

    package mutating func apply(_ changes: [Change]) {
        for change in changes {
            switch change {
            case .file(let position): files[position.identity] = position
            case .cursor(let source, let cursor): cursors[source] = cursor
            }
        }
    }

    /// The newest file that was read under a name.
    package func latest(at path: String) -> FilePosition? {
        files.values.filter { $0.path == path }.max { $0.generation < $1.generation }
    }

    /// Forgets files that were not seen since `time`.
    package mutating func forget(notSeenSince time: Int64) { files = files.filter { $0.value.seen >= time } }

    // MARK: The file

    package static let name = "positions.json"

    package var json: [UInt8] {
        var out = "{\"version\":1,\"sequence\":\(sequence),\n\"journals\":{"
        out += cursors.sorted { $0.key < $1.key }
            .map { PositionBook.quoted($0.key) + ":" + PositionBook.quoted($0.value) }.joined(separator: ",")
        out += "},\n\"files\":[\n"
        let sorted = files.values.sorted { ($0.path, $0.generation) < ($1.path, $1.generation) }
        out += sorted.map { file in
            "{\"path\":\(PositionBook.quoted(file.path)),\"offset\":\(file.offset),\"device\":\(file.identity.device),"
                + "\"inode\":\(file.identity.inode),\"trail_end\":\(file.trailEnd),\"generation\":\(file.generation),\"seen\":\(file.seen),"
                + "\"head\":{\"length\":\(file.head.length),\"hash\":\"\(String(file.head.hash, radix: 16))\"},"
                + "\"trail\":{\"length\":\(file.trail.length),\"hash\":\"\(String(file.trail.hash, radix: 16))\"}}"
        }.joined(separator: ",\n")
        return Array((out + "\n]}\n").utf8)
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20:
                out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    package static func read(_ bytes: [UInt8]) throws(AgentError) -> PositionBook {
        var reader = JSONReader(bytes)
        do {
            var book = PositionBook()
            var key: [UInt8] = []
            try reader.beginObject()
            while try reader.nextKey(&key) {
                switch String(decoding: key, as: UTF8.self) {
                case "version":
                    guard try number(&reader) == 1 else {
                        throw AgentError("the positions were written by a newer version")
                    }
                case "sequence": book.sequence = try number(&reader)
                case "journals":
                    try reader.beginObject()
                    while try reader.nextKey(&key) {
                        book.cursors[String(decoding: key, as: UTF8.self)] = try reader.readString()
                    }
                case "files":
                    try reader.beginArray()
                    while try reader.nextElement() {
                        let file = try file(&reader)
                        book.files[file.identity] = file
                    }
                default: try reader.skipValue()
                }
            }
            try reader.finish()
            return book
        } catch let error as AgentError {
            throw error
        } catch {
            throw AgentError("the positions cannot be read: \(error)")
        }
    }

    private static func file(_ reader: inout JSONReader) throws -> FilePosition {
        var file = FilePosition(identity: FileIdentity(device: 0, inode: 0), path: "")
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            switch String(decoding: key, as: UTF8.self) {
            case "path": file.path = try reader.readString()
            case "offset": file.offset = Int(clamping: try number(&reader))
            case "device": file.identity.device = try number(&reader)
            case "inode": file.identity.inode = try number(&reader)
            case "trail_end": file.trailEnd = Int(clamping: try number(&reader))
            case "generation": file.generation = Int(clamping: try number(&reader))
            case "seen": file.seen = Int64(clamping: try number(&reader))
            case "head": file.head = try fingerprint(&reader)
            case "trail": file.trail = try fingerprint(&reader)
            default: try reader.skipValue()
            }
        }
        return file
    }

    private static func fingerprint(_ reader: inout JSONReader) throws -> Fingerprint {
        var length = 0
        var hash: UInt64 = 0
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            switch String(decoding: key, as: UTF8.self) {
            case "length": length = min(Int(clamping: try number(&reader)), Fingerprint.longestHead)
            case "hash": hash = UInt64(try reader.readString(), radix: 16) ?? 0
            default: try reader.skipValue()
            }
        }
        return Fingerprint(length: length, hash: hash)
    }

    private static func number(_ reader: inout JSONReader) throws -> UInt64 {
        let range = try reader.readNumber()
        guard let number = UInt64(String(decoding: reader.bytes[range], as: UTF8.self)) else {
            throw AgentError("the positions hold a number that is none")
        }
        return number
    }
}
