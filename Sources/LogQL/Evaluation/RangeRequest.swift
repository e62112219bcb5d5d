internal import Storage
internal import Telemetry
internal import Vectors

/// One range aggregation, and which labels its series keep.
struct RangeRequest {
    let operation: RangeOperator
    let parameter: Double?
    let range: LogRange
    /// What makes a series; nil keeps every label.
    let grouping: Grouping?
    /// A label that series never have: the unwrapped one.
    let removed: String?
    /// Whether series of samples with errors say so. Not where an aggregation over this one would drop those labels.
    let reportsErrors: Bool

    init(_ operation: RangeOperator, parameter: Double?, _ range: LogRange, grouping: Grouping?) {
        self.operation = operation
        self.parameter = parameter
        self.range = range
        self.grouping = operation == .absent ? .by([]) : grouping
        if case .by? = grouping { removed = nil } else { removed = range.unwrap?.label }
        reportsErrors = true
    }

    /// Whether the query asks for errors by name: then they are no reason to fail.
    var preservesErrors: Bool {
        var names = range.unwrap?.filters.flatMap(\.names) ?? []
        for case .labelFilter(let filter) in range.logs.stages { names += filter.names }
        if case .by(let wanted)? = grouping { names += wanted }
        return names.contains("__error__")
    }

    /// An aggregation over this one that can be done while samples are added up; nil where it cannot.
    ///
    /// It saves the series between: `sum by (level) (rate({…} | json [1m]))` has as many of these as there are lines.
    init?(
        fusing aggregate: VectorOperator, _ outer: Grouping?, _ operation: RangeOperator, _ range: LogRange,
        _ inner: Grouping?
    ) {
        guard inner == nil else { return nil }
        switch (aggregate, operation) {
        case (.sum, .count), (.sum, .rate), (.sum, .bytes), (.sum, .bytesRate), (.sum, .sum), (.min, .minimum),
            (.max, .maximum):
            break
        default: return nil
        }
        self.operation = operation
        self.range = range
        parameter = nil
        grouping = outer ?? .by([])
        removed = range.unwrap?.label
        if case .without? = grouping { reportsErrors = true } else { reportsErrors = false }
    }

    /// Only what the answer needs of the pipeline's labels; nil if it can be any.
    var neededLabels: Set<String>? {
        guard case .by(let names)? = grouping else { return nil }
        var needed = Set(names)
        for stage in range.logs.stages {
            guard let used = stage.labelsUsed else { return nil }
            needed.formUnion(used)
        }
        if let counted = range.counted { needed.insert(counted) }
        if let unwrap = range.unwrap {
            needed.insert(unwrap.label)
            for filter in unwrap.filters { needed.formUnion(filter.names) }
        }
        // A clash may have renamed what is asked for, and errors may be preserved.
        for name in needed where name.hasSuffix("_extracted") { needed.insert(String(name.dropLast(10))) }
        needed.insert("__preserve_error__")
        return needed
    }

    /// The stages without parsers at whose labels nobody looks. Like Loki, this also spares their errors.
    var stages: [Stage] {
        guard case .by(var needed)? = grouping else { return range.logs.stages }
        if let counted = range.counted { needed.append(counted) }
        if let unwrap = range.unwrap { needed += [unwrap.label] + unwrap.filters.flatMap(\.names) }
        var kept: [Stage] = []
        var anyNeeded = !needed.isEmpty
        for stage in range.logs.stages.reversed() {
            switch stage {
            case .json, .logfmt, .regexp, .pattern: if !anyNeeded { continue }
            default: if stage.labelsUsed?.isEmpty != true { anyNeeded = true }
            }
            kept.append(stage)
        }
        return kept.reversed()
    }
}

extension Stage {
    /// Names of the labels that the stage reads or makes by name; nil if a template may read any.
    var labelsUsed: Set<String>? {
        switch self {
        case .lineFilter, .regexp, .pattern, .unpack, .decolorize: []
        case .json(let fields), .logfmt(_, _, let fields): Set(fields.map(\.name))
        case .labelFilter(let filter): Set(filter.names)
        case .lineFormat: nil
        case .labelFormat(let formats):
            formats.reduce(into: Set<String>() as Set<String>?) { names, format in
                guard case .label(let source) = format.source else {
                    names = nil
                    return
                }
                names?.insert(source)
                names?.insert(format.name)
            }
        case .drop(let labels), .keep(let labels): Set(labels.map(\.name))
        }
    }
}

extension LabelFilter {
    var names: [String] {
        switch self {
        case .and(let a, let b), .or(let a, let b): a.names + b.names
        case .text(let matcher): [matcher.name]
        case .number(let name, _, _), .duration(let name, _, _), .bytes(let name, _, _), .ip(let name, _, _): [name]
        }
    }
}
