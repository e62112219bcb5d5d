import Codecs
import Telemetry

/// Reads one `_bulk` body.
struct BulkReading {
    var items: [BulkItem] = []
    var builder: LogBatchBuilder
    private let bytes: [UInt8]
    private let defaultIndex: String?
    private var offset = 0
    private var lineNumber = 0
    private var record = FlatRecord()
    private var origins: [String: LogBatchBuilder.Origin] = [:]
    private let known: (UInt64) -> UInt64?
    /// Identities and documents of this request.
    private var own: [UInt64: UInt64] = [:]
    private var key: [UInt8] = []

    private struct Head {
        var action = BulkItem.Action.index
        var index: String?
        var id: String?
    }

    init(
        _ bytes: [UInt8], _ index: String?, _ now: Int64, _ limits: LogLimits, _ known: @escaping (UInt64) -> UInt64?
    ) {
        self.bytes = bytes
        self.known = known
        defaultIndex = index
        builder = LogBatchBuilder(now: now, mapping: .shippers, limits: limits)
    }

    mutating func run() throws(WireError) {
        while let line = nextLine() {
            if line.isEmpty { continue }
            guard items.count < BulkDecoder.mostItems else {
                throw .request(
                    "a request of more than \(BulkDecoder.mostItems) actions is not taken; send smaller batches")
            }
            let head = try head(line)
            let index = head.index ?? defaultIndex ?? ""
            switch head.action {
            case .delete: refuse(head, index)
            case .update:
                _ = nextLine()
                refuse(head, index)
            case .index, .create:
                guard let source = nextLine() else {
                    throw .request(
                        "The bulk request ends after the action of line [\(lineNumber)]: its document is missing")
                }
                document(source, head.action, index, head.id)
            }
        }
    }

    private mutating func nextLine() -> Range<Int>? {
        guard offset < bytes.count else { return nil }
        let start = offset
        var end = start
        while end < bytes.count, bytes[end] != 0x0a { end += 1 }
        offset = end + 1
        lineNumber += 1
        if end > start, bytes[end - 1] == 0x0d { end -= 1 }
        return start..<end
    }

    // MARK: Actions

    /// `{"create":{"_index":"…","_id":"…"}}`.
    private mutating func head(_ line: Range<Int>) throws(WireError) -> Head {
        var reader = JSONReader(bytes, line)
        var head = Head()
        do throws(WireError) {
            try reader.beginObject()
            guard try reader.nextKey(&key) else { throw reader.failure("the action is missing") }
            guard let action = BulkItem.Action(rawValue: String(decoding: key, as: UTF8.self)) else {
                throw .request(
                    "Malformed action/metadata line [\(lineNumber)], expected one of [create, delete, index, update] "
                        + "but found [" + String(decoding: key.prefix(100), as: UTF8.self) + "]")
            }
            head.action = action
            try metadata(&reader, &head)
            guard try !reader.nextKey(&key) else { throw reader.failure("a second action in one line") }
            try reader.finish()
        } catch {
            if case .request = error { throw error }
            throw .request("Malformed action/metadata line [\(lineNumber)]: \(error)")
        }
        return head
    }

    private mutating func metadata(_ reader: inout JSONReader, _ head: inout Head) throws(WireError) {
        if try reader.peek() == .null { return try reader.readNull() }
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("_index".utf8), try reader.peek() == .string {
                head.index = try reader.readString()
            } else if key.elementsEqual("_id".utf8) {
                switch try reader.peek() {
                case .string: head.id = try reader.readString()
                case .number: head.id = UTF8Text.string(bytes, try reader.readNumber())
                default: try reader.skipValue()
                }
            } else {
                try reader.skipValue()
            }
        }
    }

    private mutating func refuse(_ head: Head, _ index: String) {
        let reason = "[\(head.action.rawValue)] is not supported here: logs are only added, with [create] or [index]"
        builder.reject(LogDefect(.unsupported, reason), bytes: 0)
        items.append(
            BulkItem(
                action: head.action, index: index, id: head.id, row: -1,
                fate: .failed(status: 400, type: "action_request_validation_exception", reason: reason), identity: 0,
                document: 0))
    }

    // MARK: Documents

    mutating func document(_ range: Range<Int>, _ action: BulkItem.Action, _ index: String, _ id: String?) {
        var item = BulkItem(
            action: action, index: index, id: id, row: -1, fate: .created, identity: 0, document: 0)
        defer { items.append(item) }
        if let defect = BulkDecoder.defect(ofIndex: index) {
            let type = index.isEmpty ? "action_request_validation_exception" : "invalid_index_name_exception"
            let reason =
                index.isEmpty
                ? "Validation Failed: 1: index is missing;" : "Invalid index name [\(index.prefix(255))], \(defect)"
            builder.reject(LogDefect(.invalidLabels, reason), bytes: range.count)
            item.fate = .failed(status: 400, type: type, reason: reason)
            return
        }
        if let id {
            if id.isEmpty || id.utf8.count > 512 {
                let reason =
                    id.isEmpty
                    ? "if _id is specified it must not be empty" : "id is too long, must be no longer than 512 bytes"
                builder.reject(LogDefect(.malformed, reason), bytes: range.count)
                item.fate = .failed(status: 400, type: "illegal_argument_exception", reason: reason)
                return
            }
            item.identity = max(1, Hash64.hash(id, seed: Hash64.hash(index)))
            item.document = Hash64.hash(bytes[range])
            if let before = own[item.identity] ?? known(item.identity) {
                if action == .create {
                    item.fate = .failed(
                        status: 409, type: "version_conflict_engine_exception",
                        reason: "[\(id)]: version conflict, document already exists (current version [1])")
                    return
                }
                item.fate = .updated
                // The same once more; another content is another line.
                if before == item.document { return }
            }
        }
        var defect: LogDefect?
        do throws(WireError) {
            var reader = JSONReader(bytes, range)
            record.removeAll()
            try RecordJSON.read(&reader, into: &record)
            try reader.finish()
            defect = add(range, index)
        } catch {
            let found = LogDefect(.malformed, "failed to parse: \(error)")
            builder.reject(found, bytes: range.count)
            defect = found
        }
        if let defect {
            item.fate = .failed(status: 400, type: "mapper_parsing_exception", reason: defect.message)
        } else {
            item.row = builder.entries.batch.rowCount - 1
            if item.identity != 0 { own[item.identity] = item.document }
        }
    }

    private mutating func add(_ range: Range<Int>, _ index: String) -> LogDefect? {
        let origin: LogBatchBuilder.Origin
        if let known = origins[index] {
            origin = known
        } else {
            origin = builder.origin(BulkReading.labels(ofIndex: index))
            origins[index] = origin
        }
        if builder.prepare(record) { return builder.add(record, from: origin) }
        return builder.add(record, from: origin, line: bytes[range])
    }

    /// An index is the stream; of a data stream (`logs-nginx.access-default`) its three parts are labels too.
    static func labels(ofIndex index: String) -> [Label] {
        var labels = [Label("index", index)]
        let parts = index.split(separator: "-", maxSplits: 2)
        if parts.count == 3, ["logs", "metrics", "traces", "synthetics"].contains(parts[0]), !parts[2].contains("-") {
            labels.append(Label("data_stream_type", String(parts[0])))
            labels.append(Label("data_stream_dataset", String(parts[1])))
            labels.append(Label("data_stream_namespace", String(parts[2])))
        }
        return labels
    }
}
