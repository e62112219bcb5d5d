/// One name and value of a label set.
package struct Label: Hashable, Sendable, Comparable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    package static func < (a: Label, b: Label) -> Bool {
        a.name == b.name
            ? a.value.utf8.lexicographicallyPrecedes(b.value.utf8) : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
    }
}

/// The identity of a series or of a log stream: labels sorted by name, no name twice, no empty value.
///
/// It is one run of canonical bytes (for each label: varint length of the name, name, varint length of the value,
/// value), so that equality, hashing and storage work on bytes and no `String` is made before the JSON edge.
package struct LabelSet: Hashable, Sendable {
    /// The canonical form, also what the engines write to disk.
    package let bytes: [UInt8]

    package static let empty = LabelSet(canonical: [])

    /// For bytes that are known to be canonical: written by another `LabelSet`, or checked by ``init(checking:)``.
    package init(canonical bytes: [UInt8]) { self.bytes = bytes }

    /// Labels in any order. An empty value means "no such label"; of two labels with one name the last wins.
    package init(_ labels: some Sequence<Label>) { self.init(labels, keepsEmpty: false) }

    /// For answers of queries only: a label that a query made may have no text (`| logfmt --keep-empty`), and a client
    /// sees it. Such a set is the identity of nothing stored.
    package init(keepingEmpty labels: some Sequence<Label>) { self.init(labels, keepsEmpty: true) }

    private init(_ labels: some Sequence<Label>, keepsEmpty: Bool) {
        var sorted = Array(labels)
        var inOrder = true
        if sorted.count > 1 {
            for i in 1..<sorted.count
            where !sorted[i - 1].name.utf8.lexicographicallyPrecedes(sorted[i].name.utf8) {
                inOrder = false
                break
            }
        }
        if !inOrder {
            let indexed = sorted.enumerated().sorted {
                $0.element.name == $1.element.name
                    ? $0.offset < $1.offset
                    : $0.element.name.utf8.lexicographicallyPrecedes($1.element.name.utf8)
            }
            sorted.removeAll(keepingCapacity: true)
            for (_, label) in indexed {
                if sorted.last?.name == label.name { sorted.removeLast() }
                sorted.append(label)
            }
        }
        var out: [UInt8] = []
        out.reserveCapacity(sorted.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 })
        for label in sorted where keepsEmpty || !label.value.isEmpty {
            LabelSet.append(label.name, to: &out)
            LabelSet.append(label.value, to: &out)
        }
        bytes = out
    }

    package init(_ labels: [String: String]) { self.init(labels.map { Label($0.key, $0.value) }) }

    /// Bytes from a file or a socket: nil where they are not canonical (broken lengths, order, repeats, empty values,
    /// bad UTF-8).
    package init?(checking bytes: [UInt8]) {
        var cursor = 0
        var previous: Range<Int>?
        while cursor < bytes.count {
            guard let name = LabelSet.field(in: bytes, at: &cursor), let value = LabelSet.field(in: bytes, at: &cursor),
                !value.isEmpty
            else { return nil }
            if let previous, !bytes[previous].lexicographicallyPrecedes(bytes[name]) { return nil }
            guard String(validating: bytes[name], as: UTF8.self) != nil,
                String(validating: bytes[value], as: UTF8.self) != nil
            else { return nil }
            previous = name
        }
        self.bytes = bytes
    }

    package func hash(into hasher: inout Hasher) {
        // In one piece: the synthesised form feeds the hasher byte by byte.
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    package var isEmpty: Bool { bytes.isEmpty }

    package var count: Int {
        var n = 0
        forEachRange { _, _ in n += 1 }
        return n
    }

    /// Ranges of names and values inside ``bytes``, in order of name.
    package func forEachRange(_ body: (_ name: Range<Int>, _ value: Range<Int>) throws -> Void) rethrows {
        var cursor = 0
        while cursor < bytes.count {
            guard let name = LabelSet.field(in: bytes, at: &cursor), let value = LabelSet.field(in: bytes, at: &cursor)
            else { return }
            try body(name, value)
        }
    }

    package func forEach(_ body: (_ name: String, _ value: String) throws -> Void) rethrows {
        try forEachRange { name, value in
            try body(String(decoding: bytes[name], as: UTF8.self), String(decoding: bytes[value], as: UTF8.self))
        }
    }

    package var labels: [Label] {
        var out: [Label] = []
        forEach { out.append(Label($0, $1)) }
        return out
    }

    package var dictionary: [String: String] {
        var out: [String: String] = [:]
        forEach { out[$0] = $1 }
        return out
    }

    /// The value's bytes, nil where there is no such label.
    package func valueRange(of name: String) -> Range<Int>? {
        var cursor = 0
        while cursor < bytes.count {
            guard let nameRange = LabelSet.field(in: bytes, at: &cursor),
                let value = LabelSet.field(in: bytes, at: &cursor)
            else { return nil }
            if isEqual(nameRange, name) { return value }
        }
        return nil
    }

    package subscript(name: String) -> String? {
        valueRange(of: name).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    package var metricName: String? { self["__name__"] }

    /// A copy with one label set; nil or empty removes it.
    package func setting(_ name: String, to value: String?) -> LabelSet {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + name.utf8.count + (value?.utf8.count ?? 0) + 4)
        var isDone = value?.isEmpty ?? true
        var cursor = 0
        while cursor < bytes.count {
            let start = cursor
            guard let own = LabelSet.field(in: bytes, at: &cursor), LabelSet.field(in: bytes, at: &cursor) != nil
            else { break }
            if !isDone, let value, !bytes[own].lexicographicallyPrecedes(name.utf8) {
                LabelSet.append(name, to: &out)
                LabelSet.append(value, to: &out)
                isDone = true
            }
            if !isEqual(own, name) { out.append(contentsOf: bytes[start..<cursor]) }
        }
        if !isDone, let value {
            LabelSet.append(name, to: &out)
            LabelSet.append(value, to: &out)
        }
        return LabelSet(canonical: out)
    }

    /// Whether these bytes are the text's.
    private func isEqual(_ range: Range<Int>, _ text: String) -> Bool {
        guard text.utf8.count == range.count else { return false }
        var at = range.lowerBound
        for byte in text.utf8 {
            if bytes[at] != byte { return false }
            at += 1
        }
        return true
    }

    /// A copy with all of `other`'s labels, which win over ours.
    package func merging(_ other: LabelSet) -> LabelSet { LabelSet(labels + other.labels) }

    package func filter(_ keep: (_ name: String) -> Bool) -> LabelSet {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var cursor = 0
        while cursor < bytes.count {
            let start = cursor
            guard let name = LabelSet.field(in: bytes, at: &cursor), LabelSet.field(in: bytes, at: &cursor) != nil
            else { break }
            if keep(String(decoding: bytes[name], as: UTF8.self)) { out.append(contentsOf: bytes[start..<cursor]) }
        }
        return LabelSet(canonical: out)
    }

    package func keeping(_ names: [String]) -> LabelSet { filter(names, keeps: true) }
    package func keeping(_ names: Set<String>) -> LabelSet { filter(Array(names), keeps: true) }
    package func dropping(_ names: [String]) -> LabelSet { filter(names, keeps: false) }
    package func dropping(_ names: Set<String>) -> LabelSet { filter(Array(names), keeps: false) }

    /// By bytes: no text is made of the labels that are passed over. Not generic: other rooms would call that
    /// unspecialised, and a join asks this of each of its series.
    private func filter(_ names: [String], keeps: Bool) -> LabelSet {
        var out: [UInt8] = []
        if !keeps { out.reserveCapacity(bytes.count) }
        var cursor = 0
        while cursor < bytes.count {
            let start = cursor
            guard let name = LabelSet.field(in: bytes, at: &cursor), LabelSet.field(in: bytes, at: &cursor) != nil
            else { break }
            var isNamed = false
            for one in names where isEqual(name, one) {
                isNamed = true
                break
            }
            if isNamed == keeps { out.append(contentsOf: bytes[start..<cursor]) }
        }
        return LabelSet(canonical: out)
    }
    package var droppingMetricName: LabelSet { valueRange(of: "__name__") == nil ? self : dropping(["__name__"]) }

    /// A hash that does not change between runs (FNV-1a over the canonical bytes, mixed), for shards and files.
    package var stableHash: UInt64 {
        var h: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { h = (h ^ UInt64(byte)) &* 0x100_0000_01b3 }
        h ^= h >> 32
        h = h &* 0xd6e8_feb8_6659_fd93
        return h ^ (h >> 32)
    }

    private static func append(_ text: String, to out: inout [UInt8]) {
        var n = UInt64(text.utf8.count)
        while n >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: n) | 0x80)
            n >>= 7
        }
        out.append(UInt8(n))
        out.append(contentsOf: text.utf8)
    }

    private static func field(in bytes: [UInt8], at cursor: inout Int) -> Range<Int>? {
        var length = 0
        var shift = 0
        while true {
            guard cursor < bytes.count, shift < 35 else { return nil }
            let byte = bytes[cursor]
            cursor += 1
            length |= Int(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        guard length <= bytes.count - cursor else { return nil }
        let start = cursor
        cursor += length
        return start..<cursor
    }
}

extension LabelSet: Comparable {
    /// Prometheus' order: label by label, name before value, bytewise; a prefix comes first.
    package static func < (a: LabelSet, b: LabelSet) -> Bool {
        var i = 0
        var j = 0
        while i < a.bytes.count, j < b.bytes.count {
            guard let name = field(in: a.bytes, at: &i), let value = field(in: a.bytes, at: &i),
                let otherName = field(in: b.bytes, at: &j), let otherValue = field(in: b.bytes, at: &j)
            else { return false }
            if !a.bytes[name].elementsEqual(b.bytes[otherName]) {
                return a.bytes[name].lexicographicallyPrecedes(b.bytes[otherName])
            }
            if !a.bytes[value].elementsEqual(b.bytes[otherValue]) {
                return a.bytes[value].lexicographicallyPrecedes(b.bytes[otherValue])
            }
        }
        return i >= a.bytes.count && j < b.bytes.count
    }
}

extension LabelSet: CustomStringConvertible {
    /// Prometheus' text form: `name{a="b"}`, and `{"a name","a.b"="c"}` where names must be quoted to be read back.
    package var description: String {
        var inner: [String] = []
        var name = metricName ?? ""
        if !name.isEmpty, !LabelSet.isPlain(name, allowsColon: true) {
            inner.append(quoted(name))
            name = ""
        }
        forEach { name, value in
            guard name != "__name__" else { return }
            inner.append("\(LabelSet.isPlain(name, allowsColon: false) ? name : quoted(name))=\(quoted(value))")
        }
        return inner.isEmpty && !name.isEmpty ? name : "\(name){\(inner.joined(separator: ", "))}"
    }

    private static func isPlain(_ name: String, allowsColon: Bool) -> Bool {
        guard let first = name.utf8.first, first &- 0x30 >= 10 else { return false }
        return name.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f || (allowsColon && byte == 0x3a)
        }
    }

    private func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
