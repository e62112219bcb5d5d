/// Collects the runs of all kinds of a block's texts in one pass.
struct GramCollector {
    private let text: GramBits
    private let identifiers: GramBits

    /// Texts smaller than this are read as fast as their filters.
    private static let fewestBytes = 2048
    /// One of so many pieces, fewer of few, is looked at twice to know how many runs there will be. Odd, as words of a
    /// line follow one another at regular distances.
    private static let sampling = 31
    private static let fewestSampled = 96

    static func filters(_ bytes: [UInt8], _ pieces: GramPieces, budget: Int) -> [GramFilter] {
        guard bytes.count >= fewestBytes else { return [] }
        let sizes = sizes(bytes, pieces)
        let shape = pieces.isMostlyIds ? GramShape.identifierInPlanes : .identifier
        func bits(_ shape: GramShape, _ runs: Double, _ share: Double) -> GramBits {
            GramBits(shape, bits: GramBits.size(atMost: min(runs * shape.perRun * 1.05, Double(budget * 8) * share)))
        }
        let collector = GramCollector(
            text: bits(.text, sizes.text, 0.5), identifiers: bits(shape, sizes.identifiers, 1))
        defer { collector.free() }
        collector.add(bytes.span, pieces.once, from: 0, every: 1)
        collector.add(bytes.span, pieces.each, from: 0, every: 1)
        return [collector.text.filter, collector.identifiers.filter].compactMap { $0 }
    }

    /// About how many distinct runs there are. What comes again and again is known after some pieces; how many new runs
    /// other pieces have then is how many all the rest will have.
    private static func sizes(_ bytes: [UInt8], _ pieces: GramPieces) -> (text: Double, identifiers: Double) {
        // So many for each byte that is looked at that hardly two runs share one.
        let isSampled = pieces.each.count >= sampling * 8
        let step = isSampled ? min(sampling, max(7, pieces.each.count / fewestSampled | 1)) : 1
        var bits = 4096
        while bits < min(bytes.count * 8 / step, 1 << 22) { bits *= 2 }
        let sample = GramCollector(
            text: GramBits(.text, bits: bits), identifiers: GramBits(.identifier, bits: bits))
        defer { sample.free() }
        sample.add(bytes.span, pieces.once, from: 0, every: 1)
        guard isSampled else {
            sample.add(bytes.span, pieces.each, from: 0, every: 1)
            return (Double(sample.text.filled), Double(sample.identifiers.filled))
        }
        sample.add(bytes.span, pieces.each, from: 0, every: step)
        let first = (Double(sample.text.filled), Double(sample.identifiers.filled))
        sample.add(bytes.span, pieces.each, from: step / 2, every: step)
        let rest = Double(step - 1)
        return (
            first.0 + rest * (Double(sample.text.filled) - first.0),
            first.1 + rest * (Double(sample.identifiers.filled) - first.1)
        )
    }

    private func free() {
        text.free()
        identifiers.free()
    }

    private func add(_ bytes: Span<UInt8>, _ pieces: [TextSlice], from first: Int, every step: Int) {
        let classTable = GramCollector.classes
        let classes = classTable.span
        let all = pieces.span
        for number in stride(from: first, to: pieces.count, by: step) {
            TextBytes.expect(bytes, all, number &+ TextBytes.ahead &* step)
            let piece = all[number]
            addText(bytes, min(piece.lower, bytes.count), min(piece.upper, bytes.count), classes)
        }
    }

    private static let digit: UInt8 = 1
    private static let other: UInt8 = 2

    /// 0 for what ends a word.
    private static let classes: [UInt8] = (0...255).map { number in
        let byte = UInt8(number)
        if byte &- 0x30 < 10 { return digit }
        return Gram.isWord(byte) ? other : 0
    }

    @inline(__always)
    private func addText(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ classes: Span<UInt8>) {
        var position = start
        while position < end {
            var seen = unsafe classes[unchecked: Int(bytes[unchecked: position])]
            let first = position
            position &+= 1
            if seen == 0 { continue }
            while position &+ 8 <= end, let some = HexadecimalDigits.classes(bytes, position) {
                seen |= some & ByteClass.digit | some & ByteClass.lowerHexadecimal
                position &+= 8
            }
            while position < end {
                let kind = unsafe classes[unchecked: Int(bytes[unchecked: position])]
                if kind == 0 { break }
                seen |= kind
                position &+= 1
            }
            guard position &- first >= Gram.textLength else { continue }
            if seen == GramCollector.other {
                addLetters(bytes, first, position)
            } else {
                addMixed(bytes, first, position, classes)
            }
        }
    }

    /// A word without a digit.
    @inline(__always)
    private func addLetters(_ bytes: Span<UInt8>, _ first: Int, _ end: Int) {
        var value = GramCollector.load(bytes, first, 3) << 8
        var at = first &+ 3
        while at < end {
            value = value >> 8 | UInt64(unsafe bytes[unchecked: at]) << 24
            text.set(value)
            at &+= 1
        }
    }

    /// A word with a digit. Which bytes of an id are digits nobody can foretell, so nothing that comes often branches
    /// on it: a word has a mask of them, made of eight bytes at a time.
    private func addMixed(_ bytes: Span<UInt8>, _ first: Int, _ end: Int, _ classes: Span<UInt8>) {
        var start = first
        while end &- start >= Gram.textLength {
            // Runs that begin in these bytes; those of the rest begin in the next ones.
            let count = min(end &- start, GramCollector.widest)
            guard start &+ GramCollector.widest &+ 8 <= bytes.count else {
                return addSlowly(bytes, start, end, classes)
            }
            var digits: UInt64 = 0
            var at = 0
            while at < count {
                digits |= TextBytes.digitMask(TextBytes.load(bytes, start &+ at)) &<< UInt64(at)
                at &+= 8
            }
            let pairs = digits | digits >> 1
            let fours = pairs | pairs >> 2
            let sixes = fours | pairs >> 4
            if count >= Gram.longLength {
                let wanted: UInt64 = (1 &<< UInt64(count &- Gram.longLength &+ 1)) &- 1
                add(bytes, start, sixes & wanted, isAll: sixes & wanted == wanted, count &- Gram.longLength &+ 1)
            }
            // Few runs of four bytes of an id have no digit.
            var letters = ~fours & ((1 &<< UInt64(count &- Gram.textLength &+ 1)) &- 1)
            while letters != 0 {
                let run = TextBytes.load(bytes, start &+ letters.trailingZeroBitCount) & 0xffff_ffff
                text.set(run)
                letters &= letters &- 1
            }
            if count == end &- start { return }
            start &+= count &- Gram.longLength &+ 1
        }
    }

    /// Bytes of which the runs are looked at together.
    private static let widest = 56

    @inline(__always)
    private func add(_ bytes: Span<UInt8>, _ start: Int, _ runs: UInt64, isAll: Bool, _ count: Int) {
        if isAll {
            for at in 0..<count { identifiers.set(TextBytes.load(bytes, start &+ at) & 0xffff_ffff_ffff) }
            return
        }
        var left = runs
        while left != 0 {
            identifiers.set(TextBytes.load(bytes, start &+ left.trailingZeroBitCount) & 0xffff_ffff_ffff)
            left &= left &- 1
        }
    }

    /// The end of the text, behind which nothing is read.
    private func addSlowly(_ bytes: Span<UInt8>, _ first: Int, _ end: Int, _ classes: Span<UInt8>) {
        var value: UInt64 = 0
        // A bit for each of the last bytes, the newest lowest.
        var isDigit = 0
        var at = first
        while at < end {
            let byte = unsafe bytes[unchecked: at]
            value = value >> 8 | UInt64(byte) << 40
            isDigit = isDigit &<< 1 | Int(unsafe classes[unchecked: Int(byte)] & GramCollector.digit)
            at &+= 1
            let length = at &- first
            if length >= Gram.textLength, isDigit & 0xf == 0 { text.set(value >> 16) }
            if length >= Gram.longLength, isDigit & 0x3f != 0 { identifiers.set(value) }
        }
    }

    /// The first bytes of a run, shifted to where the next ones are put in front of them.
    @inline(__always)
    private static func load(_ bytes: Span<UInt8>, _ at: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for i in 0..<count { value |= UInt64(unsafe bytes[unchecked: at &+ i]) << UInt64(8 &* i) }
        return value
    }
}

/// How large and how full filters of a kind are. A needle of n runs passes a filter of other texts with a chance of
/// `meant` to the power of n: 16 digits of an id with 1.7%, a word of 8 letters with 0.4%.
struct GramShape {
    var kind: GramKind
    /// Bits for each distinct run.
    var perRun: Double
    /// How full that makes it.
    var meant: Double
    /// A filter that is fuller excludes too little.
    var fullest: Double

    static let text = GramShape(kind: .text, perRun: 2.5, meant: 0.33, fullest: 0.6)
    static let identifier = GramShape(kind: .identifier, perRun: 0.85, meant: 0.69, fullest: 0.8)
    /// Where the ids lie in planes, of which a search reads a quarter: 7% of other blocks for 16 digits.
    static let identifierInPlanes = GramShape(kind: .identifier, perRun: 0.75, meant: 0.74, fullest: 0.84)
}

/// The bits of one kind while they are collected; they are its own memory until ``free()``.
@safe
struct GramBits {
    let shape: GramShape
    private let size: UInt64
    private let words: UnsafeMutableBufferPointer<UInt64>
    /// Bits that are set.
    var filled: Int {
        var count = 0
        for i in 0..<(Int(size) + 63) / 64 { count += unsafe words[i].nonzeroBitCount }
        return count
    }

    private static let least = 64
    private static let most = 1 << 22

    init(_ shape: GramShape, bits: Int) {
        self.shape = shape
        size = UInt64(bits)
        unsafe words = .allocate(capacity: (bits + 63) / 64)
        unsafe words.initialize(repeating: 0)
    }

    func free() { unsafe words.deallocate() }

    /// Eight sizes for each power of two, so that filters of blocks that are alike share a matrix.
    static func size(atMost wanted: Double) -> Int {
        var step = least / 8
        let limit = Int(min(max(wanted, Double(least)), Double(most)))
        while step * 16 <= limit { step *= 2 }
        return limit / step * step
    }

    @inline(__always)
    func set(_ value: UInt64) {
        // Less than the size, since the hash is less than 2^32.
        let place = (Gram.hash(value) &* size) >> 32
        let word = unsafe words[Int(truncatingIfNeeded: place >> 6)]
        unsafe words[Int(truncatingIfNeeded: place >> 6)] = word | 1 &<< (place & 63)
    }

    /// Halved while it is much too large for the distinct runs in it; nil where it is too full to exclude anything.
    var filter: GramFilter? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(size) / 8 + 8)
        for i in 0..<(Int(size) + 63) / 64 {
            let word = unsafe words[i]
            for byte: UInt64 in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * byte))) }
        }
        bytes.removeLast(bytes.count - Int(size) / 8)
        var filled = GramBits.density(bytes)
        while bytes.count >= GramBits.least / 4, 1 - (1 - filled) * (1 - filled) <= shape.meant {
            bytes = GramBits.halved(bytes)
            filled = GramBits.density(bytes)
        }
        return filled <= shape.fullest ? GramFilter(kind: shape.kind, bits: bytes) : nil
    }

    private static func density(_ bytes: [UInt8]) -> Double {
        Double(bytes.reduce(0) { $0 + $1.nonzeroBitCount }) / Double(max(bytes.count * 8, 1))
    }

    /// Two neighbours become one.
    private static func halved(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: bytes.count / 2)
        for i in out.indices {
            var pair = UInt16(bytes[2 * i]) | UInt16(bytes[2 * i + 1]) << 8
            pair = (pair | pair >> 1) & 0x5555
            pair = (pair | pair >> 1) & 0x3333
            pair = (pair | pair >> 2) & 0x0f0f
            pair = (pair | pair >> 4) & 0x00ff
            out[i] = UInt8(truncatingIfNeeded: pair)
        }
        return out
    }
}
