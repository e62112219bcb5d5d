import Telemetry

/// Docker cuts lines longer than 16 KiB and marks the pieces (`partial_id`, `partial_last`); here they become one
/// again.
struct PartialLines {
    struct Piece {
        var record: FlatRecord
        var origin: LogBatchBuilder.Origin
        var time: Int64
        var line: [UInt8]
    }

    enum Outcome {
        /// No piece: to be stored as it is.
        case whole
        /// Lines that were given up to make room.
        case waits([Piece])
        case complete(Piece)
    }

    /// Pieces wait in memory: this many lines, and no line longer than can be kept.
    private static let mostLines = 64
    private static let longestLine = 3 << 20

    private var waiting: [String: Piece] = [:]

    mutating func takeAll() -> [Piece] {
        defer { waiting = [:] }
        return waiting.keys.sorted().compactMap { waiting[$0].map(finished) }
    }

    mutating func take(_ record: FlatRecord, _ origin: LogBatchBuilder.Origin, _ time: Int64) -> Outcome {
        guard let mark = text(record, "partial_message"), mark == "true", let id = text(record, "partial_id") else {
            return .whole
        }
        let isLast = text(record, "partial_last") == "true"
        let line = field(record, "log").map { record.bytes[$0.value] } ?? []
        var piece = waiting.removeValue(forKey: id) ?? Piece(record: record, origin: origin, time: time, line: [])
        // What is too long is refused as a whole when it ends; all of it need not be held for that.
        if piece.line.count <= PartialLines.longestLine { piece.line.append(contentsOf: line) }
        if isLast { return .complete(finished(piece)) }
        var overflow: [Piece] = []
        if waiting.count >= PartialLines.mostLines, let oldest = waiting.min(by: { $0.value.time < $1.value.time })?.key
        {
            overflow = waiting.removeValue(forKey: oldest).map { [finished($0)] } ?? []
        }
        waiting[id] = piece
        return .waits(overflow)
    }

    /// The first piece's record with the whole line and without the marks.
    private func finished(_ piece: Piece) -> Piece {
        var whole = FlatRecord()
        for field in piece.record.fields {
            let name = piece.record.bytes[field.name]
            if name.starts(with: "partial_".utf8) || name.elementsEqual("log".utf8) { continue }
            let place = whole.begin(name)
            whole.bytes.append(contentsOf: piece.record.bytes[field.value])
            whole.end(place, field.kind)
        }
        whole.text("log", piece.line, 0..<piece.line.count)
        var out = piece
        out.record = whole
        return out
    }

    private func field(_ record: FlatRecord, _ name: StaticString) -> FlatRecord.Field? {
        record.fields.first { UTF8Text.equals(record.bytes, $0.name, name) }
    }

    private func text(_ record: FlatRecord, _ name: StaticString) -> String? {
        field(record, name).map { UTF8Text.string(record.bytes, $0.value) }
    }
}
