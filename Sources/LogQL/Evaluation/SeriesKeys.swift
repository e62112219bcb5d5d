internal import Telemetry
internal import Vectors

/// Finds the series of a record. The quick road compares the bytes of the labels as they lie in the record; labels are
/// sorted only when that combination is seen for the first time.
struct SeriesKeys {
    private enum Selection {
        case all
        case only([Int])
        case except(Set<Int>)
    }

    private var selection = Selection.all
    private var raw = ByteTable()
    private var seriesOfRaw: [Int] = []
    private var seriesOfLabels: [LabelSet: Int] = [:]
    private(set) var labels: [LabelSet] = []
    private var key: [UInt8] = []

    init(_ grouping: Grouping?, removed: String?, names: inout ByteTable) {
        switch grouping {
        case .by(let wanted): selection = .only(wanted.filter { $0 != removed }.map { names.id($0) })
        case .without(let unwanted):
            selection = .except(Set((unwanted + (removed.map { [$0] } ?? [])).map { names.id($0) }))
        case .some(.none): selection = .only([])
        case nil: selection = removed.map { .except([names.id($0)]) } ?? .all
        }
    }

    mutating func series(of record: Record) -> Int {
        key.removeAll(keepingCapacity: true)
        switch selection {
        case .only(let wanted):
            for name in wanted { if let i = record.index(of: name) { add(record.fields[i], record) } }
        case .except(let unwanted):
            for field in record.fields where !unwanted.contains(field.name) { add(field, record) }
        case .all: for field in record.fields { add(field, record) }
        }
        let (id, isNew) = raw.insert(key[...])
        if isNew { seriesOfRaw.append(register(record)) }
        return seriesOfRaw[id]
    }

    private mutating func add(_ field: Record.Field, _ record: Record) {
        var header = UInt64(truncatingIfNeeded: field.name) << 32 | UInt64(truncatingIfNeeded: field.end - field.start)
        for _ in 0..<8 {
            key.append(UInt8(truncatingIfNeeded: header))
            header >>= 8
        }
        key.append(contentsOf: record.value(of: field))
    }

    private mutating func register(_ record: Record) -> Int {
        var found: [Label] = []
        for field in record.fields {
            switch selection {
            case .only(let wanted): guard wanted.contains(field.name) else { continue }
            case .except(let unwanted): guard !unwanted.contains(field.name) else { continue }
            case .all: break
            }
            found.append(
                Label(
                    String(decoding: record.names.value(field.name), as: UTF8.self),
                    String(decoding: record.value(of: field), as: UTF8.self)))
        }
        let set = LabelSet(found)
        if let known = seriesOfLabels[set] { return known }
        seriesOfLabels[set] = labels.count
        labels.append(set)
        return labels.count - 1
    }
}
