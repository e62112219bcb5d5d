import Storage

/// What the engine notes of a part in the catalog, so that a start need not open the file.
struct PartFacts: Sendable {
    /// The format of the file.
    static let format = 4

    var partition: Int64
    var rawBytes: Int
    var firstSequence: UInt64
    var lastSequence: UInt64
    /// Its footer has ids of batches.
    var hasBatchIDs: Bool
    /// Deletions up to this number were carried out in it.
    var deletions: Int

    init(_ footer: PartFooter, deletions: Int) {
        partition = footer.partition
        rawBytes = footer.rawBytes
        firstSequence = footer.firstSequence
        lastSequence = footer.lastSequence
        hasBatchIDs = !footer.batchIDs.isEmpty
        self.deletions = deletions
    }

    var text: String {
        "format=\(PartFacts.format) partition=\(partition) raw=\(rawBytes) first=\(firstSequence) "
            + "last=\(lastSequence) ids=\(hasBatchIDs ? 1 : 0) deletions=\(deletions)"
    }

    init(_ record: PartRecord) throws(StorageError) {
        var fields: [Substring: Substring] = [:]
        for field in record.extra.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        let format = fields["format"].flatMap { Int($0) } ?? 1
        guard format == PartFacts.format else {
            throw .unsupported(
                "\(record.file) has format \(format) of event parts and this needletail reads \(PartFacts.format): "
                    + (format < PartFacts.format
                        ? "start with an empty data folder, or read this one with the needletail that wrote it"
                        : "use a newer needletail"))
        }
        guard let partition = fields["partition"].flatMap({ Int64($0) }), let raw = fields["raw"].flatMap({ Int($0) }),
            let first = fields["first"].flatMap({ UInt64($0) }), let last = fields["last"].flatMap({ UInt64($0) }),
            let deletions = fields["deletions"].flatMap({ Int($0) })
        else { throw .corrupt(path: "catalog", offset: 0, reason: "what it says of \(record.file) is not complete") }
        self.partition = partition
        rawBytes = raw
        firstSequence = first
        lastSequence = last
        hasBatchIDs = fields["ids"] == "1"
        self.deletions = deletions
    }
}
