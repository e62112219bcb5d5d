/// What is wrong with the files of a Prometheus data folder. `offset` counts bytes from the start of the file.
package enum PrometheusFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes are not what Prometheus wrote: cut off, or rotten.
    case corrupt(file: String, offset: Int, reason: String)
    /// Written by a Prometheus whose format is not known here.
    case unsupported(file: String, offset: Int, reason: String)
    /// The operating system refused to read.
    case unreadable(file: String, reason: String)

    package var description: String {
        switch self {
        case .corrupt(let file, let offset, let reason): "\(file) is damaged at byte \(offset): \(reason)"
        case .unsupported(let file, let offset, let reason): "\(file), byte \(offset): \(reason)"
        case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)"
        }
    }
}

/// One file of the folder, read by the piece: a block's index or chunks may be larger than the memory.
package protocol FolderFile: Sendable {
    /// As it stands in messages.
    var name: String { get }
    var count: Int { get }
    /// Exactly so many bytes.
    func bytes(at offset: Int, count: Int) throws(PrometheusFolderError) -> [UInt8]
}

/// A file's bytes in memory.
package struct FolderFileInMemory: FolderFile {
    package let name: String
    private let content: [UInt8]
    package var count: Int { content.count }

    package init(name: String, content: [UInt8]) {
        self.name = name
        self.content = content
    }

    package func bytes(at offset: Int, count length: Int) throws(PrometheusFolderError) -> [UInt8] {
        guard offset >= 0, length >= 0, length <= count, offset <= count - length else {
            throw .corrupt(file: name, offset: max(offset, 0), reason: "\(length) bytes wanted, the file has \(count)")
        }
        return Array(content[offset..<offset + length])
    }
}
