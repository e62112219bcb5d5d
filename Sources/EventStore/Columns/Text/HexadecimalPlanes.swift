import Codecs

/// Hexadecimal values that lie byte by byte (docs/formats/text-column.md).
extension TextReader {
    /// The packed digits of all values, value by value.
    func hexadecimal(_ column: TextVariable) throws(CodecError) -> [UInt8] {
        let width = (column.width + 1) / 2
        if column.planes.isEmpty {
            let packed = try bytes(column.body)
            guard packed.count == width * column.count else {
                throw CodecError(0, "\(packed.count) bytes of \(column.count) hexadecimal values")
            }
            return packed
        }
        var planes: [[UInt8]] = []
        for number in column.planes.indices { planes.append(try plane(number, of: column)) }
        var out = [UInt8](repeating: 0, count: width * column.count)
        var target = out.mutableSpan
        for (number, plane) in planes.enumerated() {
            let source = plane.span
            var at = number
            for i in source.indices {
                target[at] = source[i]
                at &+= width
            }
        }
        return out
    }

    /// Those of some values.
    func hexadecimal(_ column: TextVariable, picking wanted: [Int]) throws(CodecError) -> [UInt8] {
        let width = (column.width + 1) / 2
        if column.planes.isEmpty {
            let packed = try hexadecimal(column)
            var out: [UInt8] = []
            for value in wanted { out += packed[value * width..<(value + 1) * width] }
            return out
        }
        var out = [UInt8](repeating: 0, count: width * wanted.count)
        for number in column.planes.indices {
            let plane = try plane(number, of: column)
            for (i, value) in wanted.enumerated() { out[i * width + number] = plane[value] }
        }
        return out
    }

    private func plane(_ number: Int, of column: TextVariable) throws(CodecError) -> [UInt8] {
        let plane = try bytes(column.planes[number])
        guard plane.count == column.count else {
            throw CodecError(0, "\(plane.count) bytes of \(column.count) hexadecimal values")
        }
        return plane
    }

    /// The values that have the digits at one of some places; nil where none has. `digits` are hexadecimal digits of
    /// the column's case. Planes are read as long as there is a value left that may have them: mostly two to four, of
    /// sixteen.
    func search(
        _ column: TextVariable, digits: [UInt8], places: ClosedRange<Int>
    ) throws(CodecError) -> [Bool]? {
        var search = PlaneSearch(digits: digits, places: places)
        // A bit for each place where a value may still have them.
        var left = [UInt64](repeating: search.all, count: column.count)
        while let number = search.next(column.planes.count) {
            let plane = try plane(number, of: column)
            let table = search.table(of: number)
            var any: UInt64 = 0
            var values = left.mutableSpan
            for i in plane.indices {
                let rest = values[i] & table[Int(plane[i])]
                values[i] = rest
                any |= rest
            }
            if any == 0 { return nil }
        }
        return left.map { $0 != 0 }
    }
}

/// Which planes tell most of where digits can be.
private struct PlaneSearch {
    private let digits: [UInt8]
    private let places: ClosedRange<Int>
    /// Digits of each place that have been compared.
    private var compared: [Int]
    private var isDone: Set<Int> = []

    /// More places are not told apart.
    static let mostPlaces = 64

    init(digits: [UInt8], places: ClosedRange<Int>) {
        self.digits = digits.map { $0 & 0x0f &+ ($0 >> 6 & 1) &* 9 }
        self.places = places
        compared = [Int](repeating: 0, count: places.count)
    }

    var all: UInt64 { places.count == 64 ? .max : 1 << UInt64(places.count) - 1 }

    /// Of the digits at a place, those in a plane.
    private func overlap(_ place: Int, _ plane: Int) -> Int {
        max(0, min(place + digits.count, 2 * plane + 2) - max(place, 2 * plane))
    }

    /// The plane that leaves the fewest places to chance; nil where all has been compared.
    mutating func next(_ planes: Int) -> Int? {
        var best: (plane: Int, gain: Double)?
        for plane in 0..<planes where !isDone.contains(plane) {
            var gain = 0.0
            for (i, place) in places.enumerated() {
                let more = overlap(place, plane)
                if more > 0 { gain += PlaneSearch.chance[min(compared[i], 15)] * (1 - PlaneSearch.chance[more]) }
            }
            if gain > best?.gain ?? 0 { best = (plane, gain) }
        }
        guard let plane = best?.plane else { return nil }
        isDone.insert(plane)
        for (i, place) in places.enumerated() { compared[i] += overlap(place, plane) }
        return plane
    }

    /// That so many digits agree.
    private static let chance: [Double] = (0..<16).map { (0..<$0).reduce(1.0) { chance, _ in chance / 16 } }

    /// For each byte of the plane the places that it leaves.
    func table(of plane: Int) -> [UInt64] {
        var high = [UInt64](repeating: 0, count: 16)
        var low = high
        for (i, place) in places.enumerated() {
            for digit in 0..<16 {
                if agrees(2 * plane - place, digit) { high[digit] |= 1 << UInt64(i) }
                if agrees(2 * plane + 1 - place, digit) { low[digit] |= 1 << UInt64(i) }
            }
        }
        return (0..<256).map { high[$0 >> 4] & low[$0 & 15] }
    }

    /// Digits before and behind those that are looked for can be any.
    private func agrees(_ at: Int, _ digit: Int) -> Bool {
        !digits.indices.contains(at) || Int(digits[at]) == digit
    }
}

extension TextReader {
    /// Where in a value digits have to be for a condition; nil where planes do not help.
    static func places(
        _ form: NeedlePlan.Condition.Form, digits: Int, in column: TextVariable
    ) -> ClosedRange<Int>? {
        let last = column.width - digits
        guard !column.planes.isEmpty, last >= 0, digits > 0 else { return nil }
        switch form {
        case .contains: return last < PlaneSearch.mostPlaces ? 0...last : nil
        case .hasPrefix: return 0...0
        case .hasSuffix: return last...last
        case .equals: return last == 0 ? 0...0 : nil
        }
    }
}
