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
    private let codec: BlockCodec
    private let level: Int
    /// Nanoseconds, one for each row of the block.
    private let times: [Int64]
    private var strings: [UInt8] = []
    private var small: [UInt8] = []
    private var chunks: [UInt8] = []
    private var entropy = EntropyColumnEncoder()

    package init(codec: BlockCodec, level: Int = 3, times: [Int64]) {
        self.codec = codec
        self.level = level
        self.times = times
    }

    /// `rows` names the row of each line where not every row has one.
    package mutating func encode(bytes: [UInt8], ends: [UInt32], rows: [UInt32]?) -> EncodedText {
        strings = []
        small = []
        chunks = []
        var lines: [TextSlice] = []
        lines.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
            lines.append(TextSlice(start, Int(end)))
            start = Int(end)
        }
        var directory = ByteWriter(reserving: 4096)
        let text = bytes.span
        if let draft = TextDraft(text, lines: lines, rows: rows, nested: false) {
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
        PackedBytes.write(plain.bytes, codec: codec, level: max(level, 6), to: &head)
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
        func begin(_ encoding: VariableEncoding, _ facts: ValueFacts) {
            directory.write(encoding.rawValue)
            directory.write(facts.classes)
            directory.writeVarint(facts.shortest)
            directory.writeVarint(facts.longest)
        }
        let form = mayBeNumbers ? values.first.flatMap { LineTime(text, $0) } : nil
        // Times of one form have the same classes of bytes, but for the names of months.
        if let form, form.style == .iso, let parsed = times(text, values, form),
            parsed.contains(where: { $0 != parsed[0] })
        {
            begin(.times, ValueFacts(text, Array(values[..<1])))
            return writeTimes(parsed, form, draft.rows(ofColumn: column), to: &directory)
        }
        var distinct = mayBeNumbers ? nil : DistinctText(text, values, limit: most)
        let facts = ValueFacts(text, distinct.map { $0.entries.map { values[$0] } } ?? values)
        if facts.isConstant {
            begin(.constant, facts)
            if let first = values.first { TextBytes.append(text, first, to: &strings) }
            return
        }
        if mayBeNumbers {
            if let form, form.style != .iso, let parsed = times(text, values, form) {
                begin(.times, facts)
                return writeTimes(parsed, form, draft.rows(ofColumn: column), to: &directory)
            }
            distinct = DistinctText(text, values, limit: facts.isInteger ? min(256, values.count / 4) : most)
        } else if facts.isInteger, let found = distinct, found.entries.count > min(256, values.count / 4) {
            distinct = nil
        }
        if let distinct {
            begin(.dictionary, facts)
            directory.writeVarint(distinct.entries.count)
            for entry in distinct.entries {
                directory.writeVarint(values[entry].count)
                TextBytes.append(text, values[entry], to: &strings)
            }
            writeCodes(distinct.codes, distinct: distinct.entries.count, to: &directory)
        } else if facts.isInteger {
            begin(.integers, facts)
            directory.writeVarint(facts.isCanonical ? 0 : facts.longest)
            writeNumbers(values.map { TextEncoder.integer(text, $0) }, to: &directory)
        } else if facts.isHexadecimal {
            begin(.hexadecimal, facts)
            directory.writeVarint(facts.longest)
            directory.write(facts.classes & ByteClass.upperHexadecimal != 0 ? 1 : 0)
            let packed = HexadecimalDigits.pack(text, values, digits: facts.longest)
            place(packed, packs: TextEncoder.mayShrink(packed, codec: codec), to: &directory)
        } else if depth < TextFormat.maximumDepth, facts.longest >= 3, facts.classes & ByteClass.digit != 0,
            let inner = TextDraft(text, lines: values, rows: draft.rows(ofColumn: column), nested: true)
        {
            begin(.nested, facts)
            write(inner, text, depth: depth + 1, to: &directory)
        } else if depth < TextFormat.maximumDepth,
            let parts = MultilineParts(text, values, rows: draft.rows(ofColumn: column)),
            let inner = TextDraft(text, lines: parts.lines, rows: parts.rows, nested: true)
        {
            begin(.multiline, facts)
            writeNumbers(parts.counts, to: &directory)
            directory.writeVarint(parts.lines.count)
            write(inner, text, depth: depth + 1, to: &directory)
        } else {
            begin(.plain, facts)
            writeNumbers(values.map { Int64($0.count) }, to: &directory)
            var bytes: [UInt8] = []
            for value in values { TextBytes.append(text, value, to: &bytes) }
            place(bytes, packs: true, to: &directory)
        }
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
        for value in values {
            guard let time = form.parse(text, value) else { return nil }
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
        let packed = BlockCodec.compress(bytes, codec: codec, level: level)
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
        let packed = packs ? BlockCodec.compress(body, codec: codec, level: level) : (codec: .raw, bytes: body)
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
