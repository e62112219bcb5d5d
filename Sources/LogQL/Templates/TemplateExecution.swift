/// What a template sees of the record it is executed on.
protocol TemplateSubject {
    func appendLabel(_ name: String, to out: inout [UInt8])
    var lineText: String { get }
    /// Nanoseconds since 1970.
    var timestamp: Int64 { get }
}

extension TemplateSubject {
    func label(_ name: String) -> String {
        var bytes: [UInt8] = []
        appendLabel(name, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Template {
    /// Appends the output. An error leaves a beginning of it behind.
    func execute<Subject: TemplateSubject>(_ subject: Subject, into out: inout [UInt8]) throws(TemplateError) {
        var run = TemplateRun(subject: subject)
        _ = try run.execute(nodes, dot: .record, into: &out)
    }
}

private struct TemplateRun<Subject: TemplateSubject> {
    /// Guards against `repeat`-like growth inside loops.
    private static var maximumOutput: Int { 16 << 20 }

    /// And against loops within loops.
    private static var maximumSteps: Int { 200_000 }

    let subject: Subject
    private var steps = 0
    private var variables: [(name: String, value: TemplateValue)] = []

    private enum Flow { case goOn, breakLoop, continueLoop }

    init(subject: Subject) { self.subject = subject }

    mutating func execute(_ nodes: [TemplateNode], dot: TemplateValue, into out: inout [UInt8]) throws(TemplateError)
        -> Bool
    {
        try flow(nodes, dot, &out) == .goOn
    }

    private mutating func flow(
        _ nodes: [TemplateNode], _ dot: TemplateValue, _ out: inout [UInt8]
    ) throws(TemplateError) -> Flow {
        let scope = variables.count
        defer { variables.removeLast(variables.count - scope) }
        for node in nodes {
            steps += 1
            guard steps < Self.maximumSteps else { throw TemplateError("the template takes too many steps") }
            guard out.count < Self.maximumOutput else { throw TemplateError("the output is larger than 16 MiB") }
            switch node {
            case .text(let bytes): out.append(contentsOf: bytes)
            case .label(let name):
                if case .record = dot {
                    subject.appendLabel(name, to: &out)
                } else {
                    out.append(contentsOf: dot.member(name).text.utf8)
                }
            case .output(let pipeline):
                let value = try evaluate(pipeline, dot)
                if pipeline.variable == nil { out.append(contentsOf: value.text.utf8) }
            case .branch(let condition, let then, let otherwise):
                let flow = try flow(try evaluate(condition, dot).isTrue ? then : otherwise, dot, &out)
                if flow != .goOn { return flow }
            case .with(let pipeline, let then, let otherwise):
                let value = try evaluate(pipeline, dot)
                let flow = value.isTrue ? try flow(then, value, &out) : try flow(otherwise, dot, &out)
                if flow != .goOn { return flow }
            case .range(let pipeline, let key, let value, let body, let otherwise):
                try loop(try evaluate(pipeline, dot), key, value, body, otherwise, dot, &out)
            case .leaveLoop(let again): return again ? .continueLoop : .breakLoop
            }
        }
        return .goOn
    }

    private mutating func loop(
        _ subject: TemplateValue, _ key: String?, _ value: String?, _ body: [TemplateNode], _ otherwise: [TemplateNode],
        _ dot: TemplateValue, _ out: inout [UInt8]
    ) throws(TemplateError) {
        var elements: [(key: TemplateValue, value: TemplateValue)] = []
        switch subject {
        case .list(let list): elements = list.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .map(let entries): elements = entries.map { (.string($0.key), $0.value) }
        case .int(let count) where count <= 10_000 && steps < Self.maximumSteps:
            elements = (0..<max(0, count)).map { (.int($0), .int($0)) }
        case .none: break
        default: throw TemplateError("range can't iterate over \(subject.text)")
        }
        if elements.isEmpty { _ = try flow(otherwise, dot, &out) }
        for element in elements {
            let scope = variables.count
            if let key { variables.append((key, element.key)) }
            if let value { variables.append((value, element.value)) }
            steps += 1
            let flow = try flow(body, element.value, &out)
            variables.removeLast(variables.count - scope)
            if flow == .breakLoop { return }
        }
    }

    private mutating func evaluate(_ pipeline: TemplatePipeline, _ dot: TemplateValue) throws(TemplateError)
        -> TemplateValue
    {
        var value: TemplateValue?
        for command in pipeline.commands { value = try evaluate(command, dot, piped: value) }
        let result = value ?? .none
        if let name = pipeline.variable {
            if !pipeline.declares, let at = variables.lastIndex(where: { $0.name == name }) {
                variables[at].value = result
            } else {
                variables.append((name, result))
            }
        }
        return result
    }

    private mutating func evaluate(
        _ command: [TemplateOperand], _ dot: TemplateValue, piped: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        guard case .function(let name)? = command.first, let function = TemplateFunction(rawValue: name) else {
            guard command.count == 1, piped == nil, let only = command.first else {
                throw TemplateError("can't give argument to non-function")
            }
            return try operand(only, dot)
        }
        var arguments: [TemplateValue] = []
        if function == .and || function == .or {
            return try shortCircuit(function, command.dropFirst(), dot, piped)
        }
        for argument in command.dropFirst() { arguments.append(try operand(argument, dot)) }
        if let piped { arguments.append(piped) }
        switch function {
        case .line: return .string(subject.lineText)
        case .timestamp: return .time(subject.timestamp)
        case .index where arguments.first == .record && arguments.count == 2:
            return .string(subject.label(arguments[1].text))
        default: return try function.call(arguments)
        }
    }

    private mutating func shortCircuit(
        _ function: TemplateFunction, _ operands: ArraySlice<TemplateOperand>, _ dot: TemplateValue,
        _ piped: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        var last = TemplateValue.none
        for argument in operands {
            last = try operand(argument, dot)
            if last.isTrue == (function == .or) { return last }
        }
        return piped ?? last
    }

    private mutating func operand(_ operand: TemplateOperand, _ dot: TemplateValue) throws(TemplateError)
        -> TemplateValue
    {
        switch operand {
        case .literal(let value): return value
        case .field(let names): return member(names[...], of: dot)
        case .variable(let name, let names):
            if name.isEmpty { return member(names[...], of: .record) }
            guard let found = variables.last(where: { $0.name == name }) else {
                throw TemplateError("undefined variable: $\(name)")
            }
            return member(names[...], of: found.value)
        case .function: return try evaluate([operand], dot, piped: nil)
        case .nested(let pipeline, let names): return member(names[...], of: try evaluate(pipeline, dot))
        }
    }

    private func member(_ names: ArraySlice<String>, of value: TemplateValue) -> TemplateValue {
        guard let first = names.first else { return value }
        if case .record = value { return member(names.dropFirst(), of: .string(subject.label(first))) }
        return member(names.dropFirst(), of: value.member(first))
    }
}
