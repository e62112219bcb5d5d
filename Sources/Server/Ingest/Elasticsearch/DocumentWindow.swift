import Logging
import Storage
import Synchronization

/// A document that was stored with an id of its own: hashes of index and id, and of the document.
struct NamedDocument: Hashable, Sendable {
    var identity: UInt64
    var document: UInt64
}

/// Documents that came lately with an id of their own: `create` of one that is there is a conflict, not a second copy.
///
/// Two generations of hashes, in memory and in a journal of their own, so that a restart forgets none; a collision of
/// two different documents among the last half million has a chance of 10^-8. The journal is there where ids are.
actor DocumentWindow {
    static let folder = "elasticsearch/ids"
    /// 16 bytes each; a record may not be much longer.
    private static let mostInRecord = 1 << 16

    private let folder: DataFolder
    private let options: JournalOptions
    private let logger: Logger
    private let memory: DocumentMemory
    private var journal: Journal?
    private var isOpen = false
    /// Where the younger generation begins.
    private var begun: JournalPosition?

    /// `generation` is how many documents are remembered at least.
    init(folder: DataFolder, options: JournalOptions, logger: Logger, generation: Int = 1 << 18) {
        memory = DocumentMemory(most: generation)
        self.folder = folder
        self.options = options
        self.logger = logger
    }

    /// The hash of the document that was stored under an identity; what a restart left is read first.
    func known() -> @Sendable (UInt64) -> UInt64? {
        if !isOpen, folder.fileSystem.exists(folder.path + "/" + DocumentWindow.folder) { open() }
        return { [memory] in memory.document($0) }
    }

    /// To be called when they are durable, and before their sender is told.
    func remember(_ documents: [NamedDocument]) async {
        open()
        for start in stride(from: 0, to: documents.count, by: DocumentWindow.mostInRecord) {
            let some = documents[start..<min(documents.count, start + DocumentWindow.mostInRecord)]
            let isFull = memory.add(some)
            do {
                _ = try await journal?.append(DocumentRecord.encode(some))
                if isFull { try turn() }
            } catch {
                // The documents are stored; that a restart forgets their ids is no reason to have them sent again.
                logger.warning("ids of documents are not kept over a restart", metadata: ["error": "\(error)"])
            }
        }
    }

    func close() {
        do { try journal?.close() } catch {
            logger.warning("ids of documents were not synced", metadata: ["error": "\(error)"])
        }
        journal = nil
    }

    private func open() {
        guard !isOpen else { return }
        isOpen = true
        do {
            let journal = try Journal(
                folder: try folder.folder(DocumentWindow.folder), fileSystem: folder.fileSystem, options: options)
            var segment = 0
            let report = try journal.replay(after: nil) { position, payload in
                if segment != position.segment { begun = position }
                segment = position.segment
                _ = memory.add(DocumentRecord.decode(payload)[...])
            }
            for problem in report.problems { logger.warning("ids of documents: \(problem)") }
            self.journal = journal
        } catch {
            logger.warning("ids of documents are not kept over a restart", metadata: ["error": "\(error)"])
        }
    }

    /// A new generation: the one before the last goes.
    private func turn() throws {
        guard let journal else { return }
        let now = try journal.rotate()
        if let begun { try journal.discard(before: begun) }
        begun = now
    }
}

/// What ``DocumentWindow`` has in memory, for readers that cannot wait.
private final class DocumentMemory: Sendable {
    private struct Generations {
        var young: [UInt64: UInt64] = [:]
        var old: [UInt64: UInt64] = [:]
    }

    private let most: Int
    private let generations = Mutex(Generations())

    init(most: Int) { self.most = most }

    func document(_ identity: UInt64) -> UInt64? {
        generations.withLock { $0.young[identity] ?? $0.old[identity] }
    }

    /// True where a new generation has begun with what comes next.
    func add(_ documents: ArraySlice<NamedDocument>) -> Bool {
        generations.withLock { generations in
            for one in documents { generations.young[one.identity] = one.document }
            guard generations.young.count >= most else { return false }
            generations.old = generations.young
            generations.young = [:]
            return true
        }
    }
}

/// A record of the journal: 16 bytes for each document, identity and document, little-endian.
enum DocumentRecord {
    static func encode(_ documents: ArraySlice<NamedDocument>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(documents.count * 16)
        for one in documents {
            for word in [one.identity, one.document] {
                for shift in stride(from: 0, to: 64, by: 8) { out.append(UInt8(truncatingIfNeeded: word >> shift)) }
            }
        }
        return out
    }

    /// Bytes behind the last whole one are passed over.
    static func decode(_ bytes: ArraySlice<UInt8>) -> [NamedDocument] {
        stride(from: bytes.startIndex, to: bytes.endIndex - 15, by: 16).map { start in
            func word(_ start: Int) -> UInt64 {
                bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
            }
            return NamedDocument(identity: word(start), document: word(start + 8))
        }
    }
}
