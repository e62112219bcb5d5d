import GoTemplates
import Patterns
internal import Telemetry

extension Parser {
    var isStageStart: Bool {
        guard case .symbol(let symbol) = current.kind else { return false }
        return (symbol == "|" && !isResultStart) || isLineFilterStart
    }

    /// `!=` also compares vectors: behind a selector it filters lines where text follows.
    private var isLineFilterStart: Bool {
        guard case .symbol(let symbol) = current.kind else { return false }
        return LineFilter.Operator(rawValue: symbol) != nil
    }

    mutating func pipeline() throws(LogQLError) -> [Stage] {
        var stages: [Stage] = []
        while isStageStart { stages += try pipelineStage() }
        return stages
    }

    mutating func pipelineStage() throws(LogQLError) -> [Stage] {
        if isLineFilterStart { return [.lineFilter(try lineFilter())] }
        try expect("|")
        guard let word, !token(ahead: 1).isComparison else {
            return [.labelFilter(try labelFilter())]
        }
        switch word {
        case "json":
            advance()
            return [.json(try extractions(JSONPath.check))]
        case "logfmt":
            advance()
            return [try logfmt()]
        case "regexp":
            advance()
            return [try regexp()]
        case "pattern":
            advance()
            let text = try string()
            do { _ = try PatternExpression(text, purpose: .parsing) } catch { throw .meaningless("\(error)") }
            return [.pattern(text)]
        case "unpack":
            advance()
            return [.unpack]
        case "line_format":
            advance()
            return [.lineFormat(try template())]
        case "label_format":
            advance()
            return [.labelFormat(try labelFormats())]
        case "decolorize":
            advance()
            return [.decolorize]
        case "drop", "keep":
            advance()
            let labels = try selections()
            return [word == "drop" ? .drop(labels) : .keep(labels)]
        case "unwrap":
            throw current.position.error("syntax error: unexpected unwrap; it belongs into a range aggregation")
        default:
            return [.labelFilter(try labelFilter())]
        }
    }

    private mutating func lineFilter() throws(LogQLError) -> LineFilter {
        guard case .symbol(let symbol) = current.kind, let operation = LineFilter.Operator(rawValue: symbol) else {
            throw unexpected()
        }
        advance()
        var operands: [LineFilter.Operand] = []
        repeat {
            operands.append(try lineFilterOperand(operation))
        } while takeWord("or")
        return LineFilter(operation: operation, operands: operands)
    }

    private mutating func lineFilterOperand(_ operation: LineFilter.Operator) throws(LogQLError) -> LineFilter.Operand {
        if isWord("ip"), token(ahead: 1).kind == .symbol("(") {
            guard operation == .contains || operation == .lacks else {
                throw .meaningless("unsupported filter operation \(operation.rawValue) for ip(): use |= or !=")
            }
            return .ip(try ipCall())
        }
        guard case .string(let text) = current.kind else { throw unexpected("STRING", "ip") }
        advance()
        switch operation {
        case .matches, .fails: _ = try regularExpression(text)
        case .fitsPattern, .misfitsPattern:
            do { _ = try PatternExpression(text, purpose: .filtering) } catch { throw .meaningless("\(error)") }
        case .contains, .lacks: break
        }
        return .text(text)
    }

    private mutating func ipCall() throws(LogQLError) -> String {
        advance()
        try expect("(")
        let text = try string()
        guard IPPattern(text) != nil else {
            throw .meaningless("ip: invalid pattern: \(QuotedText.quote(text)) is no address, CIDR block or range")
        }
        try expect(")")
        return text
    }

    // MARK: Parsers and formatters

    private mutating func extractions(
        _ check: (String) throws(PatternSyntaxError) -> Void
    ) throws(LogQLError) -> [FieldExtraction] {
        var out: [FieldExtraction] = []
        guard case .identifier = current.kind else { return out }
        repeat {
            let name = try identifier()
            let expression = take("=") ? try string() : name
            do { try check(expression) } catch {
                throw .meaningless("cannot parse expression [\(expression)]: \(error)")
            }
            out.append(FieldExtraction(name: name, expression: expression))
        } while take(",")
        return out
    }

    private static func accept(_ text: String) throws(PatternSyntaxError) {}

    private mutating func logfmt() throws(LogQLError) -> Stage {
        var strict = false
        var keepEmpty = false
        while case .flag(let flag) = current.kind {
            switch flag {
            case "--strict": strict = true
            case "--keep-empty": keepEmpty = true
            default: throw current.position.error("unknown parser flag \(flag): logfmt has --strict and --keep-empty")
            }
            advance()
        }
        return .logfmt(strict: strict, keepEmpty: keepEmpty, try extractions(Parser.accept))
    }

    private mutating func regexp() throws(LogQLError) -> Stage {
        let text = try string()
        var seen: Set<String> = []
        for name in try regularExpression(text).captureNames.compactMap({ $0 }) {
            guard let first = name.utf8.first, Lexer.isLetter(first) else {
                throw .meaningless("invalid extracted label name '\(name)'")
            }
            guard seen.insert(name).inserted else { throw .meaningless("duplicate extracted label name '\(name)'") }
        }
        guard !seen.isEmpty else { throw .meaningless("at least one named capture must be supplied") }
        return .regexp(text)
    }

    private mutating func template() throws(LogQLError) -> String {
        let text = try string()
        do { _ = try Template(text, functions: LineFunction.table) } catch {
            throw .meaningless("invalid line template: \(error)")
        }
        return text
    }

    private mutating func labelFormats() throws(LogQLError) -> [LabelFormat] {
        var out: [LabelFormat] = []
        repeat {
            let name = try identifier()
            guard name != "__error__" else { throw .meaningless("\(name) cannot be formatted") }
            guard !out.contains(where: { $0.name == name }) else {
                throw .meaningless("multiple label name '\(name)' not allowed in a single format operation")
            }
            try expect("=")
            if case .identifier(let source) = current.kind {
                advance()
                out.append(LabelFormat(name: name, source: .label(source)))
            } else {
                out.append(LabelFormat(name: name, source: .template(try template())))
            }
        } while take(",")
        return out
    }

    private mutating func selections() throws(LogQLError) -> [LabelSelection] {
        var out: [LabelSelection] = []
        repeat {
            if token(ahead: 1).isComparison {
                let matcher = try matcher()
                out.append(LabelSelection(name: matcher.name, matcher: matcher))
            } else {
                out.append(LabelSelection(name: try identifier(), matcher: nil))
            }
        } while take(",")
        return out
    }

    // MARK: Label filters

    /// The precedence of Loki's generated grammar: `and` binds closer than `or`, and a comma or nothing between two
    /// conditions takes all the rest for its right side (`a, b or c` is `a and (b or c)`).
    private mutating func labelFilter(minimum: Int = 0) throws(LogQLError) -> LabelFilter {
        var left = try labelCondition()
        while true {
            if take(",") || isConditionStart {
                left = .and(left, try labelFilter())
            } else if minimum <= 2, takeWord("and") {
                left = .and(left, try labelFilter(minimum: 3))
            } else if minimum <= 1, takeWord("or") {
                left = .or(left, try labelFilter(minimum: 2))
            } else {
                return left
            }
        }
    }

    private var isConditionStart: Bool {
        if isSymbol("(") { return true }
        if case .identifier = current.kind { return token(ahead: 1).isComparison }
        return false
    }

    private mutating func labelCondition() throws(LogQLError) -> LabelFilter {
        try countOperator()
        if take("(") {
            try enter()
            defer { leave() }
            let inner = try labelFilter()
            try expect(")")
            return inner
        }
        guard case .identifier(let name) = current.kind else { throw unexpected("IDENTIFIER", "(") }
        guard token(ahead: 1).isComparison, case .symbol(let symbol) = token(ahead: 1).kind else {
            advance()
            throw unexpected("==", "!=", ">", "<")
        }
        let value = token(ahead: 2)
        if case .string = value.kind {
            if symbol == "==" {  // Written so in Loki's examples; there it is a number's comparison only.
                advance()
                throw unexpected("=")
            }
            return .text(try matcher())
        }
        advance()
        advance()
        let filter: LabelFilter
        if isWord("ip"), symbol == "=" || symbol == "!=" {
            filter = .ip(name: name, equal: symbol == "=", try ipCall())
        } else {
            guard let comparison = Comparison(rawValue: symbol == "=" ? "==" : symbol) else {
                throw unexpected("STRING")
            }
            filter = try comparisonFilter(name, comparison, mayBeText: symbol == "=" || symbol == "!=")
        }
        if name == "__error__" || name == "__error_details__" {
            throw .meaningless("\(name) is a string label and cannot be compared with \(filter)")
        }
        return filter
    }

    private mutating func comparisonFilter(
        _ name: String, _ comparison: Comparison, mayBeText: Bool
    ) throws(LogQLError) -> LabelFilter {
        let negative = isSymbol("-")
        let signed = negative || isSymbol("+")
        switch token(ahead: signed ? 1 : 0).kind {
        case .duration(let nanoseconds):
            if signed { advance() }
            advance()
            return .duration(name: name, comparison, negative ? 0 &- nanoseconds : nanoseconds)
        case .bytes(let bytes) where !signed:
            advance()
            return .bytes(name: name, comparison, bytes)
        case .number: return .number(name: name, comparison, try scalar())
        default: throw mayBeText ? unexpected() : unexpected("BYTES", "NUMBER", "DURATION")
        }
    }
}
