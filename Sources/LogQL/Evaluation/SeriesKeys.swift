internal import Telemetry
internal import Vectors

/// Finds the series of a record. The quick road compares the bytes of the labels as they lie in the record; labels are
/// sorted only when that combination is seen for the first time.
struct SeriesKeys: Sendable {
    private enum Selection {
        case all
        case only([Int])
        case except(Set<Int>)
        /// Labels of the stream but for these.
        case stream(except: Int)
    }

    private let errorName: Int
    private let detailsName: Int
    private let preserveName: Int
    /// Whether a sample with an error is a series of its own, with the labels that tell of it.
    private let reportsErrors: Bool

    private var selection = Selection.all
    private var raw = ByteTable()
    private var seriesOfRaw: [Int] = []
    private var seriesOfLabels: [LabelSet: Int] = [:]
    private(set) var labels: [LabelSet] = []
    private var key: [UInt8] = []

    init(_ request: RangeRequest, record: inout Record) {
        errorName = record.errorName
        detailsName = record.detailsName
        preserveName = record.preserveName
        reportsErrors = request.reportsErrors
        let removed = request.removed
        func id(_ name: String) -> Int { record.names.id(name) }
        if request.grouping == nil, let counted = request.range.counted {
            selection = .stream(except: id(counted))
            return
        }
        switch request.grouping {
        case .by(let wanted): selection = .only(wanted.filter { $0 != removed }.map(id))
        case .without(let unwanted):
            selection = .except(Set((unwanted + (removed.map { [$0] } ?? [])).map(id)))
        case .some(.none): selection = .only([])
        case nil: selection = removed.map { .except([id($0)]) } ?? .all
        }
    }

    private func tells(_ record: Record) -> Bool { reportsErrors && !record.error.isEmpty }

    mutating func series(of record: Record) -> Int {
        key.removeAll(keepingCapacity: true)
        switch selection {
        case .only(let wanted):
            for name in wanted {
                if let i = record.index(of: name) {
                    add(record.fields[i], record)
                } else if name == detailsName || name == errorName, let value = record.value(name) {
                    add(name, value)
                }
            }
        case .except(let unwanted):
            for field in record.fields where !unwanted.contains(field.name) { add(field, record) }
        case .stream(let unwanted):
            for field in record.fields where field.category == .stream && field.name != unwanted { add(field, record) }
        case .all: for field in record.fields { add(field, record) }
        }
        if tells(record) {
            add(errorName, Array(record.error.utf8)[...])
            add(detailsName, Array(record.errorDetails.utf8)[...])
        }
        let (id, isNew) = raw.insert(key[...])
        if isNew { seriesOfRaw.append(register(record)) }
        return seriesOfRaw[id]
    }

    private mutating func add(_ field: Record.Field, _ record: Record) { add(field.name, record.value(of: field)) }

    private mutating func add(_ name: Int, _ value: ArraySlice<UInt8>) {
        var header = UInt64(truncatingIfNeeded: name) << 32 | UInt64(truncatingIfNeeded: value.count)
        for _ in 0..<8 {
            key.append(UInt8(truncatingIfNeeded: header))
            header >>= 8
        }
        key.append(contentsOf: value)
    }

    private mutating func register(_ record: Record) -> Int {
        var found: [Label] = []
        for field in record.fields {
            switch selection {
            case .only(let wanted):
                guard wanted.contains(field.name) || (tells(record) && field.name == preserveName) else { continue }
            case .except(let unwanted): guard !unwanted.contains(field.name) else { continue }
            case .stream(let unwanted):
                guard field.category == .stream, field.name != unwanted else { continue }
            case .all: break
            }
            found.append(
                Label(
                    String(decoding: record.names.value(field.name), as: UTF8.self),
                    String(decoding: record.value(of: field), as: UTF8.self)))
        }
        for (name, value) in [(errorName, record.error), (detailsName, record.errorDetails)] where !value.isEmpty {
            if shows(name, of: record) {
                found.append(Label(name == errorName ? "__error__" : "__error_details__", value))
            }
        }
        return series(with: LabelSet(keepingEmpty: found))
    }

    /// The series with these labels, a new one where there is none.
    mutating func series(with set: LabelSet) -> Int {
        if let known = seriesOfLabels[set] { return known }
        seriesOfLabels[set] = labels.count
        labels.append(set)
        return labels.count - 1
    }

    private func shows(_ name: Int, of record: Record) -> Bool {
        switch selection {
        case .only(let wanted): wanted.contains(name) || tells(record)
        case .except(let unwanted): tells(record) && !unwanted.contains(name)
        case .all, .stream: tells(record)
        }
    }
}
