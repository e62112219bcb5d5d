import Foundation
import Storage
import Wire

/// What is where in a Prometheus data folder.
struct PrometheusFolder {
    struct Block {
        var path: String
        var meta: Meta
    }

    /// `meta.json` of a block.
    struct Meta: Decodable {
        struct Statistics: Decodable {
            var numSamples: Int?
            var numSeries: Int?
            var numTombstones: Int?
        }
        struct Compaction: Decodable {
            struct Parent: Decodable { var ulid: String }
            var deletable: Bool?
            var failed: Bool?
            var parents: [Parent]?
        }
        var ulid: String
        var minTime: Int64
        var maxTime: Int64
        var version: Int
        var stats: Statistics?
        var compaction: Compaction?
    }

    let path: String
    /// Oldest first, without those that another block has taken the place of.
    private(set) var blocks: [Block] = []
    private(set) var superseded = 0
    /// Segments of the last checkpoint of the log, then those after it.
    private(set) var log: [String] = []
    private(set) var outOfOrderLog: [String] = []
    private(set) var headChunks: [String] = []

    private static let files = POSIXFileSystem()

    init(_ given: String) throws {
        path = given.count > 1 && given.hasSuffix("/") ? String(given.dropLast()) : given
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw CommandFailure("there is no folder \(path)")
        }
        if PrometheusFolder.files.exists(path + "/meta.json") {
            blocks = [try PrometheusFolder.block(path)]
            return
        }
        try findBlocks()
        try findLogs()
        if blocks.isEmpty, log.isEmpty, headChunks.isEmpty {
            throw CommandFailure(
                "\(path) is not a Prometheus data folder: it has no block (a folder with meta.json) and no wal/")
        }
    }

    private static func block(_ path: String) throws -> Block {
        let file = path + "/meta.json"
        let meta: Meta
        do { meta = try JSONDecoder().decode(Meta.self, from: Data(try files.readAll(file))) } catch {
            throw CommandFailure("\(file) cannot be read: \(error)")
        }
        guard meta.version == 1 else {
            throw CommandFailure("\(file): block version \(meta.version) is not known here")
        }
        return Block(path: path, meta: meta)
    }

    private mutating func findBlocks() throws {
        var found: [Block] = []
        for name in try PrometheusFolder.files.list(path) where !name.contains(".") {
            // Folders that Prometheus is still writing, or has begun to delete, have a suffix or no meta.json.
            if PrometheusFolder.files.exists(path + "/\(name)/meta.json") {
                found.append(try PrometheusFolder.block(path + "/" + name))
            }
        }
        let parents = Set(found.flatMap { $0.meta.compaction?.parents?.map(\.ulid) ?? [] })
        blocks = found.filter { !parents.contains($0.meta.ulid) && $0.meta.compaction?.deletable != true }
            .sorted { ($0.meta.minTime, $0.meta.ulid) < ($1.meta.minTime, $1.meta.ulid) }
        superseded = found.count - blocks.count
    }

    private mutating func findLogs() throws {
        let log = path + "/wal"
        if PrometheusFolder.files.exists(log) {
            let names = try PrometheusFolder.files.list(log)
            let checkpoints = names.compactMap { name -> (Int, String)? in
                guard name.hasPrefix("checkpoint."), let number = Int(name.dropFirst(11)) else { return nil }
                return (number, name)
            }
            let last = checkpoints.max { $0.0 < $1.0 }
            if let last { self.log = try PrometheusFolder.numbered(log + "/" + last.1) }
            self.log += try PrometheusFolder.numbered(log, after: last?.0)
        }
        if PrometheusFolder.files.exists(path + "/wbl") {
            outOfOrderLog = try PrometheusFolder.numbered(path + "/wbl")
        }
        if PrometheusFolder.files.exists(path + "/chunks_head") {
            headChunks = try PrometheusFolder.numbered(path + "/chunks_head")
        }
    }

    /// Files named by numbers, in their order.
    private static func numbered(_ folder: String, after: Int? = nil) throws -> [String] {
        try files.list(folder).compactMap { name in Int(name).map { ($0, name) } }
            .filter { number, _ in after.map { number > $0 } ?? true }
            .sorted { $0.0 < $1.0 }.map { folder + "/" + $0.1 }
    }

    // MARK: Files

    /// Nobody changes a block's files, so that they can be mapped.
    static func mapped(_ path: String) throws -> any FolderFile {
        do { return MappedFolderFile(file: try files.map(path)) } catch {
            throw PrometheusFolderError.unreadable(file: path, reason: error.description)
        }
    }

    /// Of files that a Prometheus may be writing.
    static func opened(_ path: String) throws -> any FolderFile {
        do {
            let file = try files.open(path, .read)
            return OpenedFolderFile(file: file, count: try file.size())
        } catch {
            throw PrometheusFolderError.unreadable(file: path, reason: error.description)
        }
    }

    static func chunkFiles(_ block: Block) throws -> [any FolderFile] {
        try numbered(block.path + "/chunks").map(mapped)
    }

    static func tombstones(_ block: Block) throws -> FolderTombstones {
        let path = block.path + "/tombstones"
        return files.exists(path) ? try FolderTombstones(try mapped(path)) : FolderTombstones()
    }
}

private struct MappedFolderFile: FolderFile {
    let file: MappedFile
    var name: String { file.path }
    var count: Int { file.count }

    func bytes(at offset: Int, count: Int) throws(PrometheusFolderError) -> [UInt8] {
        do { return try file.bytes(at: offset, count: count) } catch {
            throw .corrupt(
                file: name, offset: max(0, offset), reason: "\(count) bytes wanted, the file has \(self.count)")
        }
    }
}

private struct OpenedFolderFile: FolderFile {
    let file: any File
    let count: Int
    var name: String { file.path }

    func bytes(at offset: Int, count: Int) throws(PrometheusFolderError) -> [UInt8] {
        let found: [UInt8]
        do { found = try file.read(at: offset, count: count) } catch {
            throw .unreadable(file: name, reason: error.description)
        }
        guard found.count == count else {
            throw .corrupt(
                file: name, offset: max(0, offset), reason: "\(count) bytes wanted, \(found.count) are there")
        }
        return found
    }
}
