import GoTemplates
import Patterns
internal import Telemetry

/// The stages of a query made ready to run on one record after the other.
struct LogPipeline {
    private enum Step {
        case line(Int)
        case label(Int)
        case json
        case jsonFields([(name: Int, path: JSONPath)])
        case logfmt(strict: Bool, keepEmpty: Bool, [(name: Int, key: [UInt8])])
        case regexp(RegularExpression, names: [Int?])
        case pattern(PatternExpression, names: [Int])
        case unpack
        case lineFormat(Template)
        case labelFormat([(name: Int, source: Format)])
        case decolorize
        case drop([(name: Int, test: Int?)])
        case keep([(name: Int, test: Int?)])
    }

    private enum Format {
        case rename(Int)
        case template(Template)
    }

    /// Names of labels that somebody will look at; nil if it can be any. Others need not be taken out of the line.
    private let wanted: NameSet?
    private var steps: [Step] = []
    private var lineTests: [LineTest] = []
    private var labelTests: [LabelTest] = []
    private var textTests: [TextTest] = []
    private var flattener = JSONFlattener()
    private var scratch: [UInt8] = []
    /// How many of the first steps look at the line only.
    private var prefilters = 0

    init(_ stages: [Stage], names: inout ByteTable, wanted: Set<String>? = nil) throws(LogQLError) {
        self.wanted = wanted.map { NameSet($0, &names) }
        for stage in stages { steps.append(try compile(stage, &names)) }
        prefilters = stages.prefix { if case .lineFilter = $0 { true } else { false } }.count
    }

    private mutating func compile(_ stage: Stage, _ names: inout ByteTable) throws(LogQLError) -> Step {
        switch stage {
        case .lineFilter(let filter):
            lineTests.append(try LineTest(filter))
            return .line(lineTests.count - 1)
        case .labelFilter(let filter):
            labelTests.append(try LabelTest(filter, names: &names))
            return .label(labelTests.count - 1)
        case .json(let fields):
            var compiled: [(name: Int, path: JSONPath)] = []
            for field in fields { compiled.append((names.id(field.name), try LogPipeline.path(field.expression))) }
            return compiled.isEmpty ? .json : .jsonFields(compiled)
        case .logfmt(let strict, let keepEmpty, let fields):
            let compiled = fields.map { (names.id($0.name), Array($0.expression.utf8)) }
            return .logfmt(strict: strict, keepEmpty: keepEmpty, compiled)
        case .regexp(let text):
            do {
                let expression = try RegularExpression(text)
                let ids = expression.captureNames.map { name in name.map { names.id(LabelName.sanitised($0)) } }
                return .regexp(expression, names: ids)
            } catch { throw .unsupported("\(error)") }
        case .pattern(let text):
            do {
                let pattern = try PatternExpression(text, purpose: .parsing)
                return .pattern(pattern, names: pattern.captureNames.map { names.id($0) })
            } catch { throw .unsupported("\(error)") }
        case .unpack: return .unpack
        case .lineFormat(let text): return .lineFormat(try LogPipeline.template(text))
        case .labelFormat(let formats):
            var compiled: [(name: Int, source: Format)] = []
            for format in formats {
                switch format.source {
                case .label(let label): compiled.append((names.id(format.name), .rename(names.id(label))))
                case .template(let text):
                    compiled.append((names.id(format.name), .template(try LogPipeline.template(text))))
                }
            }
            return .labelFormat(compiled)
        case .decolorize: return .decolorize
        case .drop(let labels): return .drop(try selections(labels, &names))
        case .keep(let labels): return .keep(try selections(labels, &names))
        }
    }

    private mutating func selections(
        _ labels: [LabelSelection], _ names: inout ByteTable
    ) throws(LogQLError) -> [(name: Int, test: Int?)] {
        var out: [(name: Int, test: Int?)] = []
        for label in labels {
            if let matcher = label.matcher { textTests.append(try TextTest(matcher)) }
            out.append((names.id(label.name), label.matcher == nil ? nil : textTests.count - 1))
        }
        return out
    }

    private static func path(_ text: String) throws(LogQLError) -> JSONPath {
        do { return try JSONPath(text) } catch { throw .unsupported("cannot parse expression [\(text)]: \(error)") }
    }

    private static func template(_ text: String) throws(LogQLError) -> Template {
        do { return try Template(text, functions: LineFunction.table) } catch {
            throw .unsupported("invalid template: \(error)")
        }
    }

    /// The filters that come before everything else: most lines end here, before their labels are looked at.
    mutating func prefilter(_ line: ArraySlice<UInt8>) -> Bool {
        for i in 0..<prefilters where !lineTests[i].keeps(line) { return false }
        return true
    }

    /// The rest of the pipeline. False where the line is dropped.
    mutating func run(_ record: inout Record) -> Bool {
        for i in prefilters..<steps.count {
            record.beginParser()
            switch steps[i] {
            case .line(let test): if !lineTests[test].keeps(record.line) { return false }
            case .label(let test): if !labelTests[test].keeps(&record) { return false }
            case .json:
                if let failure = flattener.parse(record.line, wanted: wanted, into: &record) {
                    record.failParsing("JSONParserErr", failure.rawValue)
                }
            case .jsonFields(let fields): extract(fields, &record)
            case .logfmt(let strict, let keepEmpty, let fields): logfmt(strict, keepEmpty, fields, &record)
            case .regexp(let expression, let names): LogPipeline.capture(expression, names, &record)
            case .pattern(let pattern, let names):
                let line = record.line
                pattern.extract(line) { index, place in record.addParsed(names[index], line[place]) }
            case .unpack: unpack(&record)
            case .lineFormat(let template): format(template, &record)
            case .labelFormat(let formats): format(formats, &record)
            case .decolorize: record.line = LogPipeline.decolorized(record.line)
            case .drop(let labels): drop(labels, &record)
            case .keep(let labels): keep(labels, &record)
            }
        }
        return true
    }

    // MARK: Parsers

    private mutating func extract(_ fields: [(name: Int, path: JSONPath)], _ record: inout Record) {
        let line = record.line
        var scanner = JSONScanner(line)
        scanner.skipSpace()
        if line.isEmpty { return }
        let first = scanner.current
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "["), scanner.value() != nil else {
            return record.failParsing("JSONParserErr", "")
        }
        for field in fields {
            scratch.removeAll(keepingCapacity: true)
            let found = field.path.extract(line, into: &scratch)
            if found || record.index(of: field.name) == nil { record.addParsed(field.name, scratch) }
        }
    }

    private mutating func logfmt(
        _ strict: Bool, _ keepEmpty: Bool, _ fields: [(name: Int, key: [UInt8])], _ record: inout Record
    ) {
        let line = record.line
        var scanner = LogfmtScanner(line)
        while true {
            do {
                guard try scanner.next() else { break }
            } catch {
                guard strict else { continue }
                record.failParsing("LogfmtParserErr", error.message)
                break
            }
            if !fields.isEmpty {
                for field in fields where line[scanner.key].elementsEqual(field.key) {
                    record.addParsed(field.name, scanner.value)
                }
                continue
            }
            if scanner.value.isEmpty, !keepEmpty { continue }
            scratch.removeAll(keepingCapacity: true)
            LabelName.append(line[scanner.key], to: &scratch, isStart: true)
            if scratch.isEmpty { continue }
            let name = record.names.id(scratch[...])
            if wanted?.contains(name) ?? true { record.addParsed(name, scanner.value) }
        }
        for field in fields where record.index(of: field.name) == nil { record.addParsed(field.name, []) }
    }

    private static func capture(_ expression: RegularExpression, _ names: [Int?], _ record: inout Record) {
        let line = record.line
        guard let match = expression.firstMatch(in: line) else { return }
        for (group, name) in names.enumerated() {
            guard let name else { continue }
            record.addParsed(name, match[group].map { line[$0] } ?? [])
        }
    }

    private mutating func unpack(_ record: inout Record) {
        let line = record.line
        var scanner = JSONScanner(line)
        scanner.skipSpace()
        if line.isEmpty { return }
        var entry: [UInt8]?
        var text: [UInt8] = []
        var fields: [(name: Int, text: [UInt8])] = []
        let complete = scanner.object(depth: 0) { key, place in
            guard line[place.lowerBound] == UInt8(ascii: "\"") else { return true }
            text.removeAll(keepingCapacity: true)
            JSONScanner.unescape(line[(place.lowerBound + 1)..<(place.upperBound - 1)], into: &text)
            if line[key.inner].elementsEqual("_entry".utf8) {
                entry = text
                return true
            }
            var name: [UInt8] = []
            LabelName.append(line[key.inner], to: &name, isStart: true)
            if !name.isEmpty { fields.append((record.names.id(name[...]), text)) }
            return true
        }
        guard complete else {
            return record.failParsing("JSONParserErr", "expecting json object(6), but it is not")
        }
        // Only what a shipper has packed is unpacked.
        guard let entry else { return }
        for field in fields { record.addParsed(field.name, field.text) }
        record.line = entry[...]
    }

    // MARK: Formatting

    private func format(_ template: Template, _ record: inout Record) {
        var out: [UInt8] = []
        do {
            try template.execute(over: RecordContext(record: record), into: &out)
            record.line = out[...]
        } catch {
            record.fail("TemplateFormatErr", error.description)
        }
    }

    /// One after the other; templates see the labels as they were before the first of them.
    private func format(_ formats: [(name: Int, source: Format)], _ record: inout Record) {
        var seen: Record?
        for format in formats {
            switch format.source {
            case .rename(let source): record.rename(source, to: format.name)
            case .template(let template):
                let context = seen ?? record
                seen = context
                var out: [UInt8] = []
                do {
                    try template.execute(over: RecordContext(record: context), into: &out)
                    record.assign(format.name, out)
                } catch {
                    record.fail("TemplateFormatErr", error.description)
                }
            }
        }
    }

    /// Without terminal control sequences (ECMA-48).
    static func decolorized(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard line.contains(0x1b) else { return line }
        var out: [UInt8] = []
        var i = line.startIndex
        while i < line.endIndex {
            guard line[i] == 0x1b, i + 1 < line.endIndex else {
                out.append(line[i])
                i += 1
                continue
            }
            i += 1
            if line[i] == UInt8(ascii: "[") {
                i += 1
                while i < line.endIndex, line[i] >= 0x20, line[i] <= 0x3f { i += 1 }
                if i < line.endIndex { i += 1 }
            } else if line[i] == UInt8(ascii: "]") {
                while i < line.endIndex, line[i] != 7 { i += 1 }
                if i < line.endIndex { i += 1 }
            } else {
                i += 1
            }
        }
        return out[...]
    }

    private mutating func drop(_ labels: [(name: Int, test: Int?)], _ record: inout Record) {
        for label in labels {
            if label.name == record.errorName || label.name == record.detailsName {
                let value = record.value(label.name) ?? []
                if let test = label.test, !textTests[test].holds(value) { continue }
                if label.name == record.errorName { record.clearError() } else { record.clearErrorDetails() }
                continue
            }
            guard let i = record.index(of: label.name) else { continue }
            if let test = label.test, !textTests[test].holds(record.value(of: record.fields[i])) { continue }
            record.remove(at: i)
        }
    }

    private mutating func keep(_ labels: [(name: Int, test: Int?)], _ record: inout Record) {
        for i in record.fields.indices.reversed() {
            let field = record.fields[i]
            var kept = false
            // Labels that tell of errors stay whatever is kept.
            if field.name == record.preserveName { continue }
            for label in labels where label.name == field.name {
                kept = label.test.map { textTests[$0].holds(record.value(of: field)) } ?? true
                if kept { break }
            }
            if !kept { record.remove(at: i) }
        }
    }
}

private struct RecordContext: TemplateContext {
    let record: Record

    func appendMember(_ name: String, to out: inout [UInt8]) {
        let wanted = name.utf8
        for field in record.fields where record.names.value(field.name).elementsEqual(wanted) {
            out.append(contentsOf: record.value(of: field))
            return
        }
        if name == "__error__" { out.append(contentsOf: record.error.utf8) }
        if name == "__error_details__" { out.append(contentsOf: record.errorDetails.utf8) }
    }

    func call(_ function: String, _ arguments: [TemplateValue]) -> TemplateValue {
        function == LineFunction.line.rawValue
            ? .string(String(decoding: record.line, as: UTF8.self)) : .time(record.timestamp)
    }
}
