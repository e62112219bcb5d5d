internal import Telemetry

/// What of a pipeline can be told from the columns of a block: exact line filters (which the store has applied), label
/// filters, `json`, `logfmt`, and the two usual ways to be rid of errors.
struct ColumnPlan: Sendable {
    /// A label as it is seen behind so many of the pipeline's parsers.
    struct Name: Hashable, Sendable {
        var text: String
        var parsers: Int
    }

    enum Step: Sendable {
        case parse
        case filter(ColumnFilter)
        /// `drop __error__`
        case forgetErrors
        /// `__error__=""`
        case dropErrors
    }

    private(set) var steps: [Step] = []
    private(set) var parsers: [Stage] = []
    private(set) var names: [Name] = []
    /// Some stage could not be told; the steps are those before it.
    private(set) var isPartial = false

    /// The stages that lead, as far as columns can tell them.
    init(prefixOf stages: [Stage]) throws(LogQLError) {
        for stage in stages where !isPartial {
            if try !add(stage) { isPartial = true }
        }
    }

    /// nil where a stage cannot be told.
    init?(all stages: [Stage]) throws(LogQLError) {
        try self.init(prefixOf: stages)
        if isPartial { return nil }
    }

    var hasFilters: Bool {
        steps.contains { step in
            switch step {
            case .filter, .dropErrors: true
            case .parse, .forgetErrors: false
            }
        }
    }

    /// The number of a label as it is seen behind all parsers so far; nil where its name has a meaning of its own.
    mutating func number(of label: String) -> Int? {
        guard !label.hasPrefix("__"), !label.hasSuffix("_extracted") else { return nil }
        let name = Name(text: label, parsers: parsers.count)
        if let known = names.firstIndex(of: name) { return known }
        names.append(name)
        return names.count - 1
    }

    private mutating func add(_ stage: Stage) throws(LogQLError) -> Bool {
        switch stage {
        case .lineFilter(let filter): return ScanPlanner.isExact(filter)
        case .labelFilter(let filter):
            if ColumnPlan.asksForNoError(filter) {
                steps.append(.dropErrors)
                return true
            }
            guard let made = try self.filter(filter) else { return false }
            steps.append(.filter(made))
        case .json(let fields), .logfmt(_, _, let fields):
            // A second parser is told only where neither names what it takes.
            let isPlain = fields.isEmpty && parsers.allSatisfy { $0.takesAllFields }
            guard parsers.isEmpty || isPlain, !parsers.contains(where: { $0.parsesAs(stage) }) else { return false }
            parsers.append(stage)
            steps.append(.parse)
        case .drop(let labels):
            let names = Set(labels.map(\.name))
            guard labels.allSatisfy({ $0.matcher == nil }), names.isSubset(of: ["__error__", "__error_details__"])
            else { return false }
            if names.contains("__error__") { steps.append(.forgetErrors) }
        default: return false
        }
        return true
    }

    static func asksForNoError(_ filter: LabelFilter) -> Bool {
        guard case .text(let matcher) = filter else { return false }
        return matcher.name == "__error__" && matcher.operation == .equal && matcher.value.isEmpty
    }

    mutating func filter(_ filter: LabelFilter) throws(LogQLError) -> ColumnFilter? {
        switch filter {
        case .and(let a, let b):
            guard let left = try self.filter(a), let right = try self.filter(b) else { return nil }
            return .and(left, right)
        case .or(let a, let b):
            guard let left = try self.filter(a), let right = try self.filter(b) else { return nil }
            return .or(left, right)
        case .text(let matcher):
            guard let name = number(of: matcher.name) else { return nil }
            return .test(name: name, .text(try TextTest(matcher)))
        case .number(let label, let comparison, let value):
            return number(of: label).map { .test(name: $0, .number(comparison, value)) }
        case .duration(let label, let comparison, let value):
            return number(of: label).map { .test(name: $0, .duration(comparison, value)) }
        case .bytes(let label, let comparison, let value):
            return number(of: label).map { .test(name: $0, .bytes(comparison, value)) }
        // What it does depends on errors of the line.
        case .ip: return nil
        }
    }
}

extension Stage {
    fileprivate var takesAllFields: Bool {
        switch self {
        case .json(let fields), .logfmt(_, _, let fields): fields.isEmpty
        default: false
        }
    }

    fileprivate func parsesAs(_ other: Stage) -> Bool {
        switch (self, other) {
        case (.json, .json), (.logfmt, .logfmt): true
        default: false
        }
    }
}
