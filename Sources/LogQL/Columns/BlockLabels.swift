internal import Storage
internal import Telemetry

/// What groups say of the names of a plan, kept over the blocks of a scan.
struct GroupLabels: Sendable {
    struct Value: Sendable {
        /// Of a stream label: it comes before everything else.
        var label: [UInt8]?
        /// Of a shared field: it comes after a row's own column.
        var shared: [UInt8]?
    }

    struct Key: Hashable {
        var source: ObjectIdentifier
        var group: UInt32
    }

    private var known: [Key: [Value]] = [:]
    private let names: [[UInt8]]

    init(_ plan: ColumnPlan) { names = plan.names.map { Array($0.text.utf8) } }

    mutating func values(_ block: any EventBlock, _ group: UInt32) throws -> [Value] {
        let key = Key(source: block.source, group: group)
        if let found = known[key] { return found }
        let whole = try block.group(group)
        var out = [Value](repeating: Value(), count: names.count)
        whole.labels.forEachRange { name, value in
            for (n, wanted) in names.enumerated() where whole.labels.bytes[name].elementsEqual(wanted) {
                out[n].label = Array(whole.labels.bytes[value])
            }
        }
        for attribute in whole.shared {
            let name = Array(LabelName.sanitised(attribute.key).utf8)
            for (n, wanted) in names.enumerated() where name == wanted {
                var text: [UInt8] = []
                FieldText.append(attribute.value, to: &text)
                out[n].shared = text
            }
        }
        // Groups of a part with a million streams are seen once each.
        if known.count > 100_000 { known.removeAll(keepingCapacity: true) }
        known[key] = out
        return out
    }
}

/// Labels of the rows of one block, by column.
final class BlockLabels {
    let block: any EventBlock
    let plan: ColumnPlan
    private var columns: [LabelColumn?]
    private var groups: GroupLabels
    /// By template; empty where the plan has no parser.
    private var readings: [TemplateReading] = []
    private var layout: EventTextLayout?
    /// Rows whose line has to be parsed.
    private(set) var unknown: RowMask

    /// Takes `groups` for its life: ``takeGroups()`` gives them back.
    init(_ block: any EventBlock, _ plan: ColumnPlan, _ groups: consuming GroupLabels, _ parsing: inout TemplateParsing)
        throws
    {
        self.block = block
        self.plan = plan
        self.groups = groups
        columns = [LabelColumn?](repeating: nil, count: plan.names.count)
        unknown = RowMask(count: block.rowCount, all: false)
        if !plan.parsers.isEmpty { try readTemplates(&parsing) }
    }

    func takeGroups() -> GroupLabels { groups }

    // MARK: Templates

    private func readTemplates(_ parsing: inout TemplateParsing) throws {
        guard let layout = try block.layout() else {
            unknown = RowMask(count: block.rowCount, all: true)
            return
        }
        self.layout = layout
        var isUsed = [Bool](repeating: false, count: layout.templates.count)
        block.passing.forEach { row in
            let template = layout.templateOfRow[row]
            if template >= 0 { isUsed[Int(template)] = true } else { unknown[row] = true }
        }
        for (t, template) in layout.templates.enumerated() {
            readings.append(isUsed[t] ? parsing.read(template) : TemplateReading())
        }
        let isKnown = readings.map(\.isKnown)
        if zip(isUsed, isKnown).contains(where: { $0 && !$1 }) {
            block.passing.forEach { row in
                let template = Int(layout.templateOfRow[row])
                if template >= 0, !isKnown[template] { unknown[row] = true }
            }
        }
        try checkValues(layout)
    }

    /// Looks at the values that could spoil what the template says.
    private func checkValues(_ layout: EventTextLayout) throws {
        var open = readings.enumerated().map { t, reading in
            guard reading.isKnown else { return [(hole: Int, check: TemplateReading.Check)]() }
            return reading.checks.filter { !$0.check.holds(layout.templates[t].holes[$0.hole]) }
        }
        // One hole of each template at a time.
        while open.contains(where: { !$0.isEmpty }) {
            let these = open.map { $0.first }
            let column = try block.values(ofHoles: these.map { $0?.hole ?? -1 })
            var known = [Bool?](repeating: nil, count: column.count)
            block.passing.forEach { row in
                let code = Int(column.codes[row])
                guard code >= 0, let check = these[Int(layout.templateOfRow[row])]?.check else { return }
                let holds = known[code] ?? check.holds(column.bytes[column.range(code)])
                known[code] = holds
                if !holds { unknown[row] = true }
            }
            for t in open.indices where !open[t].isEmpty { open[t].removeFirst() }
        }
    }

    /// Rows whose line is none for a parser.
    func errors(of parser: Int) -> RowMask {
        var out = RowMask(count: block.rowCount, all: false)
        let isError = readings.map { $0.isKnown && $0.hasError[parser] }
        guard let layout, isError.contains(true) else { return out }
        block.passing.forEach { row in
            let template = Int(layout.templateOfRow[row])
            if template >= 0, isError[template] { out[row] = true }
        }
        return out
    }

    // MARK: Columns

    func column(_ number: Int) throws -> LabelColumn {
        if let known = columns[number] { return known }
        let made = try make(number)
        columns[number] = made
        return made
    }

    /// A stream label, else a row's own metadata, else that of its group, else what parsers find.
    private func make(_ number: Int) throws -> LabelColumn {
        let rows = block.rowCount
        var byGroup: (labels: LabelColumn, shared: LabelColumn)
        if let only = block.onlyGroup {
            let value = try groups.values(block, only)[number]
            if let label = value.label { return LabelColumn(label) }
            byGroup = (LabelColumn(), value.shared.map { LabelColumn($0) } ?? LabelColumn())
        } else {
            byGroup = try groupColumns(number)
        }
        var out = byGroup.labels
        let name = plan.names[number].text
        let own = try block.columnNames().filter { $0 != EventColumnName.line && LabelName.sanitised($0) == name }
        if own.count > 1 {
            // Two columns that read alike: which is seen depends on the row.
            return LabelColumn(
                codes: [Int32](repeating: LabelColumn.unknown, count: rows), ends: [], bytes: [])
        }
        if let first = own.first, let column = try block.column(first) {
            fill(&out, LabelColumn(column))
        }
        fill(&out, byGroup.shared)
        if plan.names[number].parsers > 0, layout != nil { fill(&out, try parsed(number)) }
        return out
    }

    private func fill(_ column: inout LabelColumn, _ other: LabelColumn) {
        if column.codes == nil, column.count == 0 {
            column = other
        } else {
            column.fillAbsent(from: other, rows: block.rowCount)
        }
    }

    private func groupColumns(_ number: Int) throws -> (labels: LabelColumn, shared: LabelColumn) {
        var labels = LabelColumn()
        var shared = LabelColumn()
        var codes: [UInt32: (label: Int32, shared: Int32)] = [:]
        var labelCodes = [Int32](repeating: LabelColumn.absent, count: block.rowCount)
        var sharedCodes = labelCodes
        let groupOfRow = try block.groupNumbers()
        try block.passing.forEach { row in
            let group = groupOfRow[row]
            let pair: (label: Int32, shared: Int32)
            if let known = codes[group] {
                pair = known
            } else {
                let value = try groups.values(block, group)[number]
                pair = (
                    value.label.map { labels.add($0) } ?? LabelColumn.absent,
                    value.shared.map { shared.add($0) } ?? LabelColumn.absent
                )
                codes[group] = pair
            }
            labelCodes[row] = pair.label
            sharedCodes[row] = pair.shared
        }
        if labels.count > 0 { labels.set(labelCodes) }
        if shared.count > 0 { shared.set(sharedCodes) }
        return (labels, shared)
    }

    // MARK: Parsed fields

    private func parsed(_ number: Int) throws -> LabelColumn {
        guard let layout else { return LabelColumn() }
        var out = LabelColumn()
        for isQuoted in [true, false] {
            let holes = readings.enumerated().map { t, reading in
                guard reading.isKnown, case .hole(let hole) = reading.sources[number],
                    TemplateParsing.isQuoted(hole, of: layout.templates[t]) == isQuoted
                else { return -1 }
                return hole
            }
            guard holes.contains(where: { $0 >= 0 }) else { continue }
            var column = LabelColumn(try block.values(ofHoles: holes))
            convert(&column, isQuoted: isQuoted)
            fill(&out, column)
        }
        if readings.contains(where: { $0.isKnown && $0.sources[number] == .empty }) {
            var empty = LabelColumn()
            let code = empty.add([])
            empty.set(
                layout.templateOfRow.map { t in
                    t >= 0 && readings[Int(t)].isKnown && readings[Int(t)].sources[number] == .empty
                        ? code : LabelColumn.absent
                })
            fill(&out, empty)
        }
        return out
    }

    /// From the text in the line to the value that the parser gives.
    private func convert(_ column: inout LabelColumn, isQuoted: Bool) {
        let takesJSON = plan.parsers.contains { if case .json = $0 { true } else { false } }
        var names = false
        var keepsEmpty = false
        for case .json(let fields) in plan.parsers { names = names || !fields.isEmpty }
        for case .logfmt(_, let keeps, let fields) in plan.parsers {
            names = names || !fields.isEmpty
            keepsEmpty = keepsEmpty || keeps
        }
        let takesLogfmt = plan.parsers.contains { if case .logfmt = $0 { true } else { false } }
        // A template of either mode is read by one of the two; values that differ between them are told by their text.
        if isQuoted, !column.holdsBackslash, takesJSON, !takesLogfmt { return }
        let both = takesJSON && takesLogfmt
        column.replaceValues { value, out in
            if isQuoted {
                if value.contains(0x5c) {
                    JSONScanner.unescape(value, into: &out)
                } else {
                    out.append(contentsOf: value)
                }
                if value.isEmpty, takesLogfmt, !names, !keepsEmpty {
                    return both ? LabelColumn.unknown : LabelColumn.absent
                }
                return nil
            }
            if value.isEmpty, !names, !keepsEmpty { return LabelColumn.absent }
            if takesJSON, let first = value.first {
                let isNull = value.elementsEqual("null".utf8)
                if isNull || first == UInt8(ascii: "[") {
                    if both { return LabelColumn.unknown }
                    if !names { return LabelColumn.absent }
                    if !isNull { return LabelColumn.unknown }
                    return nil
                }
            }
            out.append(contentsOf: value)
            return nil
        }
    }
}
