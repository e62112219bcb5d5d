import Codecs

/// A text column: the head that says what there is, then chunks that are read by themselves.
package struct EncodedText: Sendable {
    package var head: [UInt8]
    package var chunks: [UInt8]

    package init(head: [UInt8] = [], chunks: [UInt8] = []) {
        self.head = head
        self.chunks = chunks
    }
}

/// Writes columns of lines as templates and typed variables (docs/formats/text-column.md).
package struct TextEncoder {
    private static let level = 3
    /// Static text and dictionaries, which every search reads.
    private static let headLevel = 6
    private let codec: BlockCodec
    /// Nanoseconds, one for each row of the block.
    private let times: [Int64]
    private var strings: [UInt8] = []
    private var small: [UInt8] = []
    private var chunks: [UInt8] = []
    private var entropy = EntropyColumnEncoder()

    /// What the filters of the text that was encoded last are made of.
    private(set) var grams = GramPieces()
    /// By column of the lines, whether its values are still to be looked at for them.
    private var gramsAreLeft: [Bool] = []

    package init(codec: BlockCodec, times: [Int64]) {
        self.codec = codec
        self.times = times
    }

    /// `rows` names the row of each line where not every row has one.
    package mutating func encode(bytes: [UInt8], ends: [UInt32], rows: [UInt32]?) -> EncodedText {
        strings = []
        small = []
        chunks = []
        let lines = GramPieces(linesEndingAt: ends).each
        var directory = ByteWriter(reserving: 4096)
        let text = bytes.span
        grams = GramPieces()
        if let draft = TextDraft(text, lines: lines, rows: rows, nested: false) {
            (grams, gramsAreLeft) = draft.gramPieces(text, lines: lines)
            write(draft, text, depth: 1, to: &directory)
        }
        var plain = ByteWriter(reserving: directory.count + strings.count + small.count + 32)
        plain.write(TextFormat.version)
        plain.writeVarint(bytes.count)
        plain.writeVarint(directory.count)
        plain.writeVarint(strings.count)
        plain.writeBytes(directory.bytes)
        plain.writeBytes(strings)
        plain.writeBytes(small)
        var head = ByteWriter(reserving: plain.count / 2 + 16)
        PackedBytes.write(plain.bytes, codec: codec, level: TextEncoder.headLevel, to: &head)
        return EncodedText(head: head.bytes, chunks: chunks)
    }

    private mutating func write(_ draft: TextDraft, _ text: Span<UInt8>, depth: Int, to directory: inout ByteWriter) {
        directory.writeVarint(draft.templates.count)
        for template in draft.templates {
            directory.write(template.mode.rawValue)
            directory.writeVarint(template.rows)
            directory.writeVarint(template.firstRow)
            directory.writeVarint(template.lastRow - template.firstRow)
            directory.writeVarint(template.columns.count)
            for column in template.columns { directory.writeVarint(column) }
            for piece in template.pieces {
                directory.writeVarint(piece.count)
                TextBytes.append(text, piece, to: &strings)
            }
        }
        if draft.templates.count > 1 {
            writeCodes(draft.templateOfLine.map { Int64($0) }, distinct: draft.templates.count, to: &directory)
        }
        directory.writeVarint(draft.columns.count)
        for column in draft.columns.indices { write(draft, column, text, depth: depth, to: &directory) }
    }

    // MARK: Columns

    private mutating func write(
        _ draft: TextDraft, _ column: Int, _ text: Span<UInt8>, depth: Int, to directory: inout ByteWriter
    ) {
        let values = draft.columns[column].values
        let most = max(values.count / 2, min(values.count, 8))
        // Of texts that come again each is looked at once.
        let mayBeNumbers = values.first.map { TextEncoder.isNumberOrTime(text, $0) } ?? true
        let form = mayBeNumbers ? values.first.flatMap { LineTime(text, $0) } : nil
        let isForGrams = depth == 1 && gramsAreLeft[column]
        // Times of one form have the same classes of bytes, but for the names of months.
        if let form, form.style == .iso, let parsed = times(text, values, form),
            parsed.contains(where: { $0 != parsed[0] })
        {
            if isForGrams { grams.each += values }
            TextEncoder.begin(.times, ValueFacts(text, Array(values[..<1])), to: &directory)
            return writeTimes(parsed, form, draft.rows(ofColumn: column), to: &directory)
        }
        var distinct = mayBeNumbers ? nil : DistinctText(text, values, limit: most)
        let facts = ValueFacts(text, distinct.map { $0.entries.map { values[$0] } } ?? values)
        if facts.isConstant {
            TextEncoder.begin(.constant, facts, to: &directory)
            if let first = values.first { TextBytes.append(text, first, to: &strings) }
            return
        }
        if mayBeNumbers {
            if let form, form.style != .iso, let parsed = times(text, values, form) {
                if isForGrams { grams.each += values }
                TextEncoder.begin(.times, facts, to: &directory)
                return writeTimes(parsed, form, draft.rows(ofColumn: column), to: &directory)
            }
            distinct = DistinctText(text, values, limit: facts.isInteger ? min(256, values.count / 4) : most)
        } else if facts.isInteger, let found = distinct, found.entries.count > min(256, values.count / 4) {
            distinct = nil
        }
        if isForGrams {
            if let distinct {
                for entry in distinct.entries { grams.once.append(values[entry]) }
            } else if !facts.isInteger || facts.longest >= Gram.longLength {
                grams.each += values
            }
        }
        if let distinct {
            if writeNested(draft, column, text, facts, depth: depth, insteadOf: distinct, to: &directory) { return }
            TextEncoder.begin(.dictionary, facts, to: &directory)
            directory.writeVarint(distinct.entries.count)
            for entry in distinct.entries {
                directory.writeVarint(values[entry].count)
                TextBytes.append(text, values[entry], to: &strings)
            }
            writeCodes(distinct.codes, distinct: distinct.entries.count, to: &directory)
        } else if facts.isInteger {
            TextEncoder.begin(.integers, facts, to: &directory)
            directory.writeVarint(facts.isCanonical ? 0 : facts.longest)
            writeNumbers(values.map { TextEncoder.integer(text, $0) }, to: &directory)
        } else if facts.isHexadecimal {
            TextEncoder.begin(.hexadecimal, facts, to: &directory)
            directory.writeVarint(facts.longest)
            directory.write(facts.classes & ByteClass.upperHexadecimal != 0 ? 1 : 0)
            let packed = HexadecimalDigits.pack(text, values, digits: facts.longest)
            writeHexadecimal(packed, count: values.count, to: &directory)
            if isForGrams, packed.count >= TextFormat.leastPlanes * values.count { grams.idBytes += packed.count * 2 }
        } else {
            writeTexts(draft, column, text, facts, depth: depth, to: &directory)
        }
    }

    private static func begin(_ encoding: VariableEncoding, _ facts: ValueFacts, to directory: inout ByteWriter) {
        directory.write(encoding.rawValue)
        directory.write(facts.classes)
        directory.writeVarint(facts.shortest)
        directory.writeVarint(facts.longest)
    }

    /// Values that are neither numbers nor ids, and hardly come again.
    private mutating func writeTexts(
        _ draft: TextDraft, _ column: Int, _ text: Span<UInt8>, _ facts: ValueFacts, depth: Int,
        to directory: inout ByteWriter
    ) {
        let values = draft.columns[column].values
        if depth < TextFormat.maximumDepth, facts.longest >= 3, facts.classes & ByteClass.digit != 0,
            let inner = TextDraft(text, lines: values, rows: draft.rows(ofColumn: column), nested: true)
        {
            TextEncoder.begin(.nested, facts, to: &directory)
            write(inner, text, depth: depth + 1, to: &directory)
        } else if depth < TextFormat.maximumDepth,
            let parts = MultilineParts(text, values, rows: draft.rows(ofColumn: column)),
            let inner = TextDraft(text, lines: parts.lines, rows: parts.rows, nested: true)
        {
            TextEncoder.begin(.multiline, facts, to: &directory)
            writeNumbers(parts.counts, to: &directory)
            directory.writeVarint(parts.lines.count)
            write(inner, text, depth: depth + 1, to: &directory)
        } else {
            TextEncoder.begin(.plain, facts, to: &directory)
            writeNumbers(values.map { Int64($0.count) }, to: &directory)
            var bytes: [UInt8] = []
            for value in values { TextBytes.append(text, value, to: &bytes) }
            place(bytes, packs: true, to: &directory)
        }
    }

    /// Smaller dictionaries, and those whose entries come so often, are smaller than anything else.
    private static let largeDictionary = 256
    private static let oftenInDictionary = 8

    /// Request lines with ids in their paths come again now and then, but most of a large dictionary is the same few
    /// texts with other numbers. False where the dictionary is smaller.
    private mutating func writeNested(
        _ draft: TextDraft, _ column: Int, _ text: Span<UInt8>, _ facts: ValueFacts, depth: Int,
        insteadOf distinct: DistinctText, to directory: inout ByteWriter
    ) -> Bool {
        let values = draft.columns[column].values
        let entries = distinct.entries
        guard depth < TextFormat.maximumDepth, facts.classes & ByteClass.digit != 0,
            entries.count > TextEncoder.largeDictionary, entries.count * TextEncoder.oftenInDictionary > values.count,
            let inner = TextDraft(text, lines: values, rows: draft.rows(ofColumn: column), nested: true)
        else { return false }
        let marks = (strings.count, small.count, chunks.count)
        var own = ByteWriter()
        TextEncoder.begin(.nested, facts, to: &own)
        write(inner, text, depth: depth + 1, to: &own)
        // Static text and lengths of the head are packed to about two fifths.
        let nested =
            chunks.count - marks.2 + small.count - marks.1 + (own.count + strings.count - marks.0) * 2 / 5
        let width = Int.bitWidth - entries.count.leadingZeroBitCount
        let dictionary = entries.reduce(0) { $0 + values[$1].count + 1 } * 2 / 5 + values.count * width / 8
        guard nested < dictionary else {
            strings.removeLast(strings.count - marks.0)
            small.removeLast(small.count - marks.1)
            chunks.removeLast(chunks.count - marks.2)
            return false
        }
        directory.writeBytes(own.bytes)
        return true
    }

    /// Of other columns no value is expected to be one.
    private static func isNumberOrTime(_ text: Span<UInt8>, _ value: TextSlice) -> Bool {
        var at = value.lower
        while at < value.upper, text[at] &- 0x30 < 10 || text[at] == 0x2d { at &+= 1 }
        return at == value.upper || value.count >= 19 && LineTime(text, value) != nil
    }

    private func times(_ text: Span<UInt8>, _ values: [TextSlice], _ form: LineTime) -> [Int64]? {
        var out: [Int64] = []
        out.reserveCapacity(values.count)
        let all = values.span
        var hour = LineTime.Hour()
        for index in all.indices {
            TextBytes.expect(text, all, index &+ TextBytes.ahead)
            guard let time = form.parse(text, all[index], &hour) else { return nil }
            out.append(time)
        }
        return out
    }

    /// Against the row's own time where that is nearer than the time before.
    private mutating func writeTimes(
        _ parsed: [Int64], _ form: LineTime, _ rows: [UInt32], to directory: inout ByteWriter
    ) {
        directory.write(form.style.rawValue)
        directory.write(form.separator)
        directory.write(form.point)
        directory.write(UInt8(truncatingIfNeeded: form.digits))
        let own = entropy.encode(parsed)
        var against: [UInt8]?
        if rows.allSatisfy({ Int($0) < times.count }) {
            let unit = form.unit
            let differences = parsed.indices.map { parsed[$0] &- TextEncoder.floor(times[Int(rows[$0])], unit) }
            against = entropy.encode(differences)
        }
        if let against, against.count < own.count {
            directory.write(1)
            place([0] + against, packs: false, to: &directory)
        } else {
            directory.write(0)
            place([0] + own, packs: false, to: &directory)
        }
    }

    static func floor(_ time: Int64, _ unit: Int64) -> Int64 {
        let quotient = time / unit
        return time % unit < 0 ? quotient &- 1 : quotient
    }

    private static func integer(_ text: Span<UInt8>, _ value: TextSlice) -> Int64 {
        if value.count <= 8, let digits = TextBytes.digits(text, value.lower, count: value.count) {
            return TextBytes.number(digits)
        }
        var at = value.lower
        let isNegative = text[at] == 0x2d
        if isNegative { at &+= 1 }
        var number: Int64 = 0
        while at < value.upper {
            number = number &* 10 &+ Int64(unsafe text[unchecked: at] &- 0x30)
            at &+= 1
        }
        return isNegative ? 0 &- number : number
    }

    // MARK: Bodies

    private mutating func writeHexadecimal(_ packed: [UInt8], count: Int, to directory: inout ByteWriter) {
        let width = packed.count / max(count, 1)
        let packs = TextEncoder.mayShrink(packed, codec: codec)
        guard (TextFormat.leastPlanes...TextFormat.mostPlanes).contains(width), count >= TextFormat.leastPlaneSize
        else {
            directory.write(0)
            return place(packed, packs: packs, to: &directory)
        }
        directory.write(1)
        for plane in HexadecimalDigits.planes(packed, width: width) { place(plane, packs: packs, to: &directory) }
    }

    private static let sampleSize = 2048

    /// Ids are mostly random, and compressing them is much work for nothing; those that begin alike show it soon.
    private static func mayShrink(_ bytes: [UInt8], codec: BlockCodec) -> Bool {
        guard bytes.count > sampleSize * 4 else { return true }
        let sample = Array(bytes[..<(sampleSize * 2)])
        return BlockCodec.compress(sample, codec: codec, level: 1).bytes.count * 50 < sample.count * 49
    }

    /// Numbers below `distinct`: as entropy-coded integers or as bytes for the block codec, whichever is smaller.
    private mutating func writeCodes(_ codes: [Int64], distinct: Int, to directory: inout ByteWriter) {
        let coded = [0] + entropy.encode(codes)
        guard coded.count > 48, codec != .raw, distinct <= 1 << 16 else {
            return place(coded, packs: false, to: &directory)
        }
        var bytes: [UInt8] = [distinct <= 256 ? 1 : 2]
        bytes.reserveCapacity(codes.count * 2 + 1)
        for code in codes { bytes.append(UInt8(truncatingIfNeeded: code)) }
        // Codes that follow no pattern are smaller entropy-coded, which a piece of them shows.
        if bytes.count > TextEncoder.sampleSize * 2 {
            let sample = Array(bytes[1...TextEncoder.sampleSize])
            let packed = BlockCodec.compress(sample, codec: codec, level: 1).bytes
            if packed.count * codes.count > coded.count * TextEncoder.sampleSize {
                return place(coded, packs: false, to: &directory)
            }
        }
        if distinct > 256 { for code in codes { bytes.append(UInt8(truncatingIfNeeded: code >> 8)) } }
        let packed = BlockCodec.compress(bytes, codec: codec, level: TextEncoder.level)
        if packed.codec != .raw, packed.bytes.count + 8 < coded.count, bytes.count > TextFormat.inlineLimit {
            placeChunk(packed.bytes, codec: packed.codec, plainSize: bytes.count, to: &directory)
        } else {
            place(coded, packs: false, to: &directory)
        }
    }

    private mutating func writeNumbers(_ numbers: [Int64], to directory: inout ByteWriter) {
        place([0] + entropy.encode(numbers), packs: false, to: &directory)
    }

    private mutating func place(_ body: [UInt8], packs: Bool, to directory: inout ByteWriter) {
        if body.count <= TextFormat.inlineLimit {
            directory.write(0)
            directory.writeVarint(body.count)
            small.append(contentsOf: body)
            return
        }
        let packed =
            packs ? BlockCodec.compress(body, codec: codec, level: TextEncoder.level) : (codec: .raw, bytes: body)
        placeChunk(packed.bytes, codec: packed.codec, plainSize: body.count, to: &directory)
    }

    private mutating func placeChunk(
        _ packed: [UInt8], codec: BlockCodec, plainSize: Int, to directory: inout ByteWriter
    ) {
        directory.write(1 + codec.rawValue)
        directory.writeVarint(plainSize)
        directory.writeVarint(packed.count)
        directory.writeFixed32(CRC32C.checksum(packed))
        chunks.append(contentsOf: packed)
    }
}
