import Codecs
internal import Storage
internal import Telemetry

/// Labels of the head, each distinct name and value once, with the series that carry it. A label set is then a short list of numbers,
/// and the same numbers are the inverted index.
struct LabelPairTable {
    struct Pair {
        var hash: UInt64
        /// Its canonical bytes (see ``LabelSet``) in ``arena``.
        var start: UInt32
        var end: UInt32
        var nameStart: UInt32
        var nameEnd: UInt32
        var valueStart: UInt32
        /// Slots in no order.
        var postings: [UInt32] = []

        var range: Range<Int> { Int(start)..<Int(end) }
    }

    private(set) var pairs: [Pair] = []
    private(set) var arena: [UInt8] = []
    private var table = SeriesTable()
    /// Pairs of each label name.
    private(set) var names: [String: [UInt32]] = [:]

    /// Number of the pair whose canonical bytes are `bytes[range]`; `value` is where its value stands.
    func find(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32? {
        let hash = Hash64.hash(bytes[range])
        return table.find(hash) { pairs[$0].hash == hash && same(pairs[$0], bytes, range) }
            .map { UInt32(truncatingIfNeeded: $0) }
    }

    private func same(_ pair: Pair, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        arena.hasSameBytes(pair.range, as: bytes, range)
    }

    mutating func intern(_ bytes: [UInt8], _ range: Range<Int>, name: Range<Int>, value: Range<Int>) -> UInt32 {
        let hash = Hash64.hash(bytes[range])
        if let known = table.find(hash, isSame: { pairs[$0].hash == hash && same(pairs[$0], bytes, range) }) {
            return UInt32(truncatingIfNeeded: known)
        }
        let number = UInt32(truncatingIfNeeded: pairs.count)
        let start = arena.count
        arena.append(contentsOf: bytes[range])
        func moved(_ place: Int) -> UInt32 { UInt32(truncatingIfNeeded: start + place - range.lowerBound) }
        pairs.append(
            Pair(
                hash: hash, start: moved(range.lowerBound), end: moved(range.upperBound),
                nameStart: moved(name.lowerBound), nameEnd: moved(name.upperBound),
                valueStart: moved(value.lowerBound)))
        table.insert(hash, slot: Int(number)) { pairs[$0].hash }
        names[String(decoding: bytes[name], as: UTF8.self), default: []].append(number)
        return number
    }

    mutating func post(_ pair: UInt32, _ slot: UInt32) { pairs[Int(pair)].postings.append(slot) }

    func value(_ pair: UInt32) -> ArraySlice<UInt8> {
        arena[Int(pairs[Int(pair)].valueStart)..<Int(pairs[Int(pair)].end)]
    }

    func name(_ pair: UInt32) -> ArraySlice<UInt8> {
        arena[Int(pairs[Int(pair)].nameStart)..<Int(pairs[Int(pair)].nameEnd)]
    }

    /// The canonical bytes of pairs, one behind the other: the labels of a series. A flush asks for those of each.
    func bytes(of numbers: Span<UInt32>) -> [UInt8] {
        var size = 0
        for i in numbers.indices { size += pairs[Int(numbers[i])].range.count }
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
            count = 0
            unsafe arena.withUnsafeBufferPointer { source in
                for i in numbers.indices {
                    let range = pairs[Int(numbers[i])].range
                    let place = target.extracting(count..<count + range.count)
                    _ = unsafe place.update(fromContentsOf: source.extracting(range))
                    count += range.count
                }
            }
        }
    }

    func text(_ pair: UInt32) -> String { String(decoding: value(pair), as: UTF8.self) }

    /// Whether the label is the bound of a bucket: see ``PartOrder``.
    func isBound(_ pair: UInt32) -> Bool {
        let one = pairs[Int(pair)]
        return one.nameEnd - one.nameStart == 2 && arena[Int(one.nameStart)] == UInt8(ascii: "l")
            && arena[Int(one.nameStart) + 1] == UInt8(ascii: "e")
    }

    /// The number in `le`; what is none counts as the largest.
    func bound(_ pair: UInt32?) -> Double {
        guard let pair else { return 0 }
        let text = text(pair)
        let number = text == "+Inf" ? Double.infinity : Double(text) ?? .nan
        return number.isNaN ? .infinity : number
    }

    /// Number of the label, where the head has it.
    func find(name: String, value: String) -> UInt32? {
        let bytes = LabelSet([Label(name, value)]).bytes
        return bytes.isEmpty ? nil : find(bytes, 0..<bytes.count)
    }

    /// Keeps the series of `isAlive` only. Answers the new number of each pair, `.max` for those that nobody carries.
    mutating func keep(_ isAlive: [Bool]) -> [UInt32] {
        var renumbered = [UInt32](repeating: .max, count: pairs.count)
        var kept = LabelPairTable()
        for (number, pair) in pairs.enumerated() {
            let postings = pair.postings.filter { isAlive[Int($0)] }
            guard !postings.isEmpty else { continue }
            let start = UInt32(truncatingIfNeeded: kept.arena.count)
            kept.arena.append(contentsOf: arena[pair.range])
            renumbered[number] = UInt32(truncatingIfNeeded: kept.pairs.count)
            kept.pairs.append(
                Pair(
                    hash: pair.hash, start: start, end: start + (pair.end - pair.start),
                    nameStart: start + (pair.nameStart - pair.start), nameEnd: start + (pair.nameEnd - pair.start),
                    valueStart: start + (pair.valueStart - pair.start), postings: postings))
        }
        for (number, pair) in kept.pairs.enumerated() {
            kept.table.insert(pair.hash, slot: number) { kept.pairs[$0].hash }
        }
        for (name, numbers) in names {
            let left = numbers.map { renumbered[Int($0)] }.filter { $0 != .max }
            if !left.isEmpty { kept.names[name] = left }
        }
        self = kept
        return renumbered
    }

    /// Bytes held, about.
    var byteCount: Int {
        arena.capacity + pairs.capacity * MemoryLayout<Pair>.stride + table.byteCount
            + pairs.reduce(0) { $0 + $1.postings.capacity * 4 + 32 }
    }
}
