import Codecs
import Storage
import Telemetry

/// How much of a group is in a part.
struct GroupExtent {
    var rows = 0
    var bytes = 0
    var firstTime = Int64.max
    var lastTime = Int64.min
}

/// Up to ``capacity`` neighbouring groups of a part, label by label: a matcher is decided once for each distinct value,
/// and a million streams cost what their distinct values cost.
struct StreamSegment: Sendable {
    static let capacity = 4096

    struct LabelColumn: Sendable {
        var name: [UInt8]
        /// Distinct values, the empty one (no such label) first.
        var values: [[UInt8]]
        /// Of each group.
        var codes: [UInt16]
    }

    private(set) var count = 0
    /// Sorted by name.
    private(set) var labels: [LabelColumn] = []
    /// Distinct payloads of shared fields.
    private(set) var shared: [[UInt8]] = []
    private(set) var sharedCodes: [UInt16] = []

    /// `keys` at most ``capacity``.
    init(_ keys: ArraySlice<GroupKey>) {
        count = keys.count
        var columns: [[UInt8]: Int] = [:]
        var codes: [[[UInt8]: UInt16]] = []
        var sharedNumbers: [[UInt8]: UInt16] = [:]
        for (group, key) in keys.enumerated() {
            LabelSet(canonical: key.labels).forEachRange { name, value in
                let name = Array(key.labels[name])
                let at: Int
                if let known = columns[name] {
                    at = known
                } else {
                    at = labels.count
                    columns[name] = at
                    labels.append(
                        LabelColumn(name: name, values: [[]], codes: [UInt16](repeating: 0, count: keys.count)))
                    codes.append([:])
                }
                let value = Array(key.labels[value])
                let code: UInt16
                if let known = codes[at][value] {
                    code = known
                } else {
                    code = UInt16(truncatingIfNeeded: labels[at].values.count)
                    codes[at][value] = code
                    labels[at].values.append(value)
                }
                labels[at].codes[group] = code
            }
            if let known = sharedNumbers[key.shared] {
                sharedCodes.append(known)
            } else {
                let code = UInt16(truncatingIfNeeded: shared.count)
                sharedNumbers[key.shared] = code
                shared.append(key.shared)
                sharedCodes.append(code)
            }
        }
        labels.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.writeVarint(count)
        writer.writeVarint(labels.count)
        for label in labels {
            writer.writeLengthPrefixed(label.name)
            writer.writeVarint(label.values.count - 1)
            for value in label.values.dropFirst() { writer.writeLengthPrefixed(value) }
            IntegerColumn.encode(label.codes.map { Int64($0) }, into: &writer)
        }
        writer.writeVarint(shared.count)
        for payload in shared { writer.writeLengthPrefixed(payload) }
        IntegerColumn.encode(sharedCodes.map { Int64($0) }, into: &writer)
        return writer.bytes
    }

    init(_ bytes: [UInt8], count expected: Int) throws(CodecError) {
        var reader = ByteReader(bytes)
        count = try reader.readCount(limit: StreamSegment.capacity)
        guard count == expected else { throw reader.failure("\(count) groups, the footer says \(expected)") }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let name = Array(try reader.readLengthPrefixed())
            var values: [[UInt8]] = [[]]
            for _ in 0..<(try reader.readCount(limit: count)) { values.append(Array(try reader.readLengthPrefixed())) }
            if let last = labels.last, !last.name.lexicographicallyPrecedes(name) {
                throw reader.failure("label names are not in order")
            }
            labels.append(
                LabelColumn(name: name, values: values, codes: try StreamSegment.codes(&reader, count, values.count)))
        }
        for _ in 0..<(try reader.readCount(limit: count)) { shared.append(Array(try reader.readLengthPrefixed())) }
        sharedCodes = try StreamSegment.codes(&reader, count, shared.count)
        // The bytes of a label set are put together from these: it must be canonical.
        for label in labels where label.values.dropFirst().contains(where: \.isEmpty) {
            throw reader.failure("an empty value of a label")
        }
    }

    private static func codes(
        _ reader: inout ByteReader, _ count: Int, _ limit: Int
    ) throws(CodecError) -> [UInt16] {
        var out: [UInt16] = []
        out.reserveCapacity(count)
        for code in try IntegerColumn.decode(&reader, count: count) {
            guard code >= 0, code < Int64(limit) else { throw reader.failure("value \(code) of \(limit)") }
            out.append(UInt16(truncatingIfNeeded: code))
        }
        return out
    }

    // MARK: Groups

    func key(_ group: Int) -> GroupKey {
        var writer = ByteWriter(reserving: 128)
        for label in labels where label.codes[group] != 0 {
            writer.writeLengthPrefixed(label.name)
            writer.writeLengthPrefixed(label.values[Int(label.codes[group])])
        }
        return GroupKey(labels: writer.bytes, shared: shared[Int(sharedCodes[group])])
    }

    func labelSet(_ group: Int) -> LabelSet { LabelSet(canonical: key(group).labels) }

    func group(_ number: Int) -> EventGroup {
        EventGroup(labels: labelSet(number), shared: StreamSegment.attributes(shared[Int(sharedCodes[number])]))
    }

    static func attributes(_ payload: [UInt8]) -> [Attribute] {
        guard !payload.isEmpty, case .map(let attributes) = AttributeValue(kind: .map, bytes: payload[...]) else {
            return []
        }
        return attributes
    }

    func column(_ name: String) -> LabelColumn? { labels.first { $0.name.elementsEqual(name.utf8) } }

    /// Clears the groups that a matcher refuses.
    func restrict(_ mask: inout [Bool], _ matchers: [CompiledMatcher]) {
        for matcher in matchers {
            guard let label = column(matcher.name) else {
                if !matcher.matchesEmpty { for i in mask.indices { mask[i] = false } }
                continue
            }
            let passes = label.values.enumerated().map { i, value in
                i == 0 ? matcher.matchesEmpty : matcher.matches(value: value[...])
            }
            for i in 0..<count where !passes[Int(label.codes[i])] { mask[i] = false }
        }
    }

    /// What a test says of each group's shared fields and labels; nil where no group has such a field.
    func answers(_ test: EventTest) -> [GroupFacts.Answer]? {
        let ofShared = shared.map { payload -> GroupFacts.Answer in
            guard let value = StreamSegment.attributes(payload).first(where: { $0.key == test.column })?.value else {
                return .absent
            }
            return GroupFacts.answer(value, test)
        }
        let label = column(test.column)
        if label == nil, ofShared.allSatisfy({ $0 == .absent }) { return nil }
        let ofLabel = label?.values.enumerated().map { i, value -> GroupFacts.Answer in
            i == 0 ? .absent : test.passes(kind: .string, payload: value[...]) ? .passes : .fails
        }
        return (0..<count).map { i in
            let answer = ofShared[Int(sharedCodes[i])]
            if answer != .absent { return answer }
            return if let label, let ofLabel { ofLabel[Int(label.codes[i])] } else { .absent }
        }
    }
}

extension GroupExtent {
    static func encode(_ extents: ArraySlice<GroupExtent>) -> [UInt8] {
        var writer = ByteWriter()
        IntegerColumn.encode(extents.map { Int64($0.rows) }, into: &writer)
        IntegerColumn.encode(extents.map { Int64($0.bytes) }, into: &writer)
        IntegerColumn.encode(extents.map(\.firstTime), into: &writer)
        IntegerColumn.encode(extents.map { $0.lastTime &- $0.firstTime }, into: &writer)
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8], count: Int) throws(CodecError) -> [GroupExtent] {
        var reader = ByteReader(bytes)
        let rows = try IntegerColumn.decode(&reader, count: count)
        let sizes = try IntegerColumn.decode(&reader, count: count)
        let firsts = try IntegerColumn.decode(&reader, count: count)
        let lengths = try IntegerColumn.decode(&reader, count: count)
        return (0..<count).map { i in
            GroupExtent(
                rows: Int(truncatingIfNeeded: rows[i]), bytes: Int(truncatingIfNeeded: sizes[i]),
                firstTime: firsts[i], lastTime: firsts[i] &+ lengths[i])
        }
    }
}
