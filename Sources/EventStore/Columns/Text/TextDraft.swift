import Codecs

/// Lines taken apart: which template each has, and the values of the holes gathered into columns. A column is shared by
/// all templates that have the field, or, of plain text, that begin alike up to the hole.
struct TextDraft {
    struct Template {
        var mode: LineMode
        /// Static text around the holes: one more than there are holes.
        var pieces: [TextSlice]
        /// Column of each hole.
        var columns: [Int]
        var rows = 0
        var firstRow = 0
        var lastRow = 0
    }

    struct Column {
        var values: [TextSlice] = []
    }

    private(set) var templates: [Template] = []
    private(set) var templateOfLine: [UInt32] = []
    private(set) var columns: [Column] = []
    private var wholeLines = 0
    /// Row of the block that each line is from; nil: they are the rows.
    private let rowOfLine: [UInt32]?

    /// Templates with fewer lines are not worth columns of their own; their lines are values of one column.
    private static let rare = 3
    /// More than two bytes of a template's number are not supported, nor would they pay.
    private static let maximumTemplates = 4096

    /// nil where the lines have so little in common that templates do not pay (`nested` only).
    init?(_ text: Span<UInt8>, lines: [TextSlice], rows: [UInt32]?, nested: Bool) {
        rowOfLine = rows
        var splitter = LineSplitter()
        var table = TemplateTable()
        var found: [UInt32] = []
        var places: [HolePlace] = []
        found.reserveCapacity(lines.count)
        places.reserveCapacity(lines.count)
        splitter.holes.reserveCapacity(lines.count &* 8)
        for (number, line) in lines.enumerated() {
            let first = splitter.holes.count
            let mode = splitter.split(text, line, nested: nested)
            let count = splitter.holes.count &- first
            found.append(
                UInt32(
                    truncatingIfNeeded: table.number(
                        text, line, splitter.holes.span, firstHole: first, holeCount: count, mode)))
            places.append(HolePlace(first: first, count: count))
            if nested, number == 255, table.entries.count > 200 { return nil }
        }
        if table.entries.count > 16 {
            WordMerging.run(text, lines, &splitter.holes, &places, &found, &table)
        }
        gather(text, lines, splitter.holes, places, found, table)
        if nested, templates.count &* 4 > lines.count &+ 4 || wholeLines &* 2 > lines.count { return nil }
    }

    /// Row of the block that each value of a column is from. Few columns need them.
    func rows(ofColumn column: Int) -> [UInt32] {
        let times = templates.map { template in template.columns.reduce(0) { $0 + ($1 == column ? 1 : 0) } }
        var out: [UInt32] = []
        out.reserveCapacity(columns[column].values.count)
        for (line, template) in templateOfLine.enumerated() {
            for _ in 0..<times[Int(template)] { out.append(rowOfLine?[line] ?? UInt32(truncatingIfNeeded: line)) }
        }
        return out
    }

    private mutating func gather(
        _ text: Span<UInt8>, _ lines: [TextSlice], _ holes: [TextSlice], _ places: [HolePlace], _ found: [UInt32],
        _ table: TemplateTable
    ) {
        // Number 0 is for the lines that are kept whole, if there are any.
        var numbers = [Int](repeating: -1, count: table.entries.count)
        var keys = ColumnKeys()
        let keepAll = table.entries.count <= 4 || lines.count < 16
        templateOfLine.reserveCapacity(lines.count)
        var whole = -1
        for (line, slice) in lines.enumerated() {
            let entry = Int(found[line])
            var number = numbers[entry]
            if number < 0 {
                let known = table.entries[entry]
                if !keepAll, known.rows < TextDraft.rare || templates.count >= TextDraft.maximumTemplates {
                    if whole < 0 {
                        whole = templates.count
                        let empty = TextSlice(slice.lower, slice.lower)
                        templates.append(
                            Template(mode: .plain, pieces: [empty, empty], columns: [keys.whole], firstRow: line))
                    }
                    number = whole
                } else {
                    number = templates.count
                    templates.append(template(text, known, holes, &keys, firstRow: line))
                }
                numbers[entry] = number
            }
            templates[number].rows &+= 1
            templates[number].lastRow = line
            templateOfLine.append(UInt32(truncatingIfNeeded: number))
        }
        if whole >= 0 { wholeLines = templates[whole].rows }
        fill(lines, holes, places, whole: whole, columnCount: keys.count)
    }

    /// Deals the holes of all lines out to their columns.
    private mutating func fill(
        _ lines: [TextSlice], _ holes: [TextSlice], _ places: [HolePlace], whole: Int, columnCount: Int
    ) {
        var starts = [Int](repeating: 0, count: columnCount + 1)
        for template in templates { for column in template.columns { starts[column + 1] += template.rows } }
        for column in 0..<columnCount { starts[column + 1] += starts[column] }
        var firstColumn: [Int] = []
        var columnsOfTemplates: [Int] = []
        for template in templates {
            firstColumn.append(columnsOfTemplates.count)
            columnsOfTemplates += template.columns
        }
        var cursors = starts
        var values = [TextSlice](repeating: TextSlice(0, 0), count: starts[columnCount])
        var target = values.mutableSpan
        var cursor = cursors.mutableSpan
        let own = columnsOfTemplates.span
        let all = holes.span
        for line in lines.indices {
            let number = Int(templateOfLine[line])
            let first = firstColumn[number]
            if number == whole {
                target[cursor[own[first]]] = lines[line]
                cursor[own[first]] &+= 1
                continue
            }
            let place = places[line]
            for i in 0..<place.count {
                let column = own[first &+ i]
                target[cursor[column]] = all[place.first &+ i]
                cursor[column] &+= 1
            }
        }
        columns = (0..<columnCount).map { Column(values: Array(values[starts[$0]..<starts[$0 + 1]])) }
    }

    /// The `trace=` of plain text: what it names is alike whatever the rest of the line says.
    private static func name(before piece: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var end = piece.endIndex
        if end > piece.startIndex, piece[end - 1] == 0x22 { end -= 1 }
        guard end > piece.startIndex, piece[end - 1] == 0x3d else { return nil }
        var start = end - 1
        while start > piece.startIndex, ByteClass.of(piece[start - 1]) != ByteClass.delimiter { start -= 1 }
        return end - start > 2 ? piece[start..<end] : nil
    }

    private func template(
        _ text: Span<UInt8>, _ entry: TemplateTable.Entry, _ holes: [TextSlice], _ keys: inout ColumnKeys, firstRow: Int
    ) -> Template {
        var pieces: [TextSlice] = []
        var at = entry.line.lower
        for hole in holes[entry.firstHole..<entry.firstHole &+ entry.holeCount] {
            pieces.append(TextSlice(at, hole.lower))
            at = hole.upper
        }
        pieces.append(TextSlice(at, entry.line.upper))
        let bytes = pieces.map { piece in (piece.lower..<piece.upper).map { text[$0] }[...] }
        let fields = TemplateFields(pieces: bytes, mode: entry.mode)
        var columns: [Int] = []
        var prefix: UInt64 = 1
        for i in 0..<entry.holeCount {
            prefix = Hash64.hash(bytes[i], seed: prefix)
            if i < fields.holes.count {
                columns.append(keys.number(of: fields.holes[i].path.reduce(2) { Hash64.hash($1, seed: $0) }))
            } else if let name = TextDraft.name(before: bytes[i]) {
                columns.append(keys.number(of: Hash64.hash(name, seed: 3)))
            } else {
                columns.append(keys.number(of: prefix))
            }
        }
        return Template(mode: entry.mode, pieces: pieces, columns: columns, firstRow: firstRow)
    }
}

/// Where a line's holes are among those of the block.
struct HolePlace {
    var first: Int
    var count: Int
}

/// Numbers of columns by what they hold. Two keys with one hash share a column, which costs bytes and nothing else.
private struct ColumnKeys {
    private var numbers: [UInt64: Int] = [:]

    var count: Int { numbers.count }

    mutating func number(of key: UInt64) -> Int {
        if let known = numbers[key] { return known }
        numbers[key] = numbers.count
        return numbers.count &- 1
    }

    /// Of lines that are kept whole.
    var whole: Int {
        mutating get { number(of: 0) }
    }
}
