import Telemetry

extension Template {
    /// Appends the output. An error leaves a beginning of it behind.
    ///
    /// - Parameters:
    ///   - data: the dot at the start, and `$`.
    ///   - variables: what stands for the names that the template was parsed with.
    package func execute(
        over context: some TemplateContext, data: TemplateValue = .record,
        variables: [(name: String, value: TemplateValue)] = [], into out: inout [UInt8]
    ) throws(TemplateError) {
        // Most templates of log queries are labels and text: no run is needed, and no box for the context.
        var done = 0
        if data == .record {
            quick: for node in nodes {
                switch node {
                case .text(let bytes): out.append(contentsOf: bytes)
                case .label(let name): context.appendMember(name, to: &out)
                default: break quick
                }
                done += 1
            }
            if done == nodes.count { return }
        }
        var run = TemplateRun(context: context, definitions: definitions, data: data, variables: variables)
        _ = try run.flow(nodes[done...], data, &out)
    }
}

struct TemplateRun {
    /// Guards against `repeat`-like growth inside loops.
    private static var maximumOutput: Int { 16 << 20 }

    /// And against loops within loops.
    private static var maximumSteps: Int { 200_000 }

    /// Blocks within blocks and templates that invoke each other.
    private static var maximumDepth: Int { 100 }

    private let context: any TemplateContext
    private let definitions: [String: [TemplateNode]]
    /// `$`
    private var data: TemplateValue
    private var variables: [(name: String, value: TemplateValue)]
    private var steps = 0
    private var depth = 0

    enum Flow { case goOn, breakLoop, continueLoop }

    init(
        context: any TemplateContext, definitions: [String: [TemplateNode]], data: TemplateValue,
        variables: [(name: String, value: TemplateValue)]
    ) {
        self.context = context
        self.definitions = definitions
        self.data = data
        self.variables = variables
    }

    mutating func flow(
        _ nodes: ArraySlice<TemplateNode>, _ dot: TemplateValue, _ out: inout [UInt8]
    ) throws(TemplateError) -> Flow {
        let scope = variables.count
        depth += 1
        defer {
            depth -= 1
            variables.removeLast(variables.count - scope)
        }
        guard depth <= Self.maximumDepth else {
            throw TemplateError("exceeded maximum template depth (\(Self.maximumDepth))")
        }
        for node in nodes {
            steps += 1
            guard steps < Self.maximumSteps else { throw TemplateError("the template takes too many steps") }
            guard out.count < Self.maximumOutput else { throw TemplateError("the output is larger than 16 MiB") }
            switch node {
            case .text(let bytes): out.append(contentsOf: bytes)
            case .label(let name):
                if case .record = dot {
                    context.appendMember(name, to: &out)
                } else {
                    out.append(contentsOf: try dot.member(name).text.utf8)
                }
            case .output(let pipeline):
                let value = try evaluate(pipeline, dot)
                if pipeline.variable == nil { out.append(contentsOf: value.text.utf8) }
            case .branch(let condition, let then, let otherwise):
                // What the condition declares ends with the block.
                let scope = variables.count
                let flow = try flow((try evaluate(condition, dot).isTrue ? then : otherwise)[...], dot, &out)
                variables.removeLast(variables.count - scope)
                if flow != .goOn { return flow }
            case .with(let pipeline, let then, let otherwise):
                let scope = variables.count
                let value = try evaluate(pipeline, dot)
                let flow = value.isTrue ? try flow(then[...], value, &out) : try flow(otherwise[...], dot, &out)
                variables.removeLast(variables.count - scope)
                if flow != .goOn { return flow }
            case .range(let pipeline, let key, let value, let body, let otherwise):
                let flow = try loop(try evaluate(pipeline, dot), key, value, body, otherwise, dot, &out)
                if flow != .goOn { return flow }
            case .invoke(let name, let argument):
                var data = TemplateValue.none
                if let argument { data = try evaluate(argument, dot) }
                try invoke(name, data, &out)
            case .leaveLoop(let again): return again ? .continueLoop : .breakLoop
            }
        }
        return .goOn
    }

    private mutating func invoke(
        _ name: String, _ argument: TemplateValue, _ out: inout [UInt8]
    ) throws(TemplateError) {
        guard let nodes = definitions[name] else {
            throw TemplateError("template \(GoQuoting.quote(name)) not defined")
        }
        let outside = (data, variables)
        defer { (data, variables) = outside }
        data = argument
        variables = []
        _ = try flow(nodes[...], argument, &out)
    }

    private mutating func loop(
        _ subject: TemplateValue, _ key: String?, _ value: String?, _ body: [TemplateNode], _ otherwise: [TemplateNode],
        _ dot: TemplateValue, _ out: inout [UInt8]
    ) throws(TemplateError) -> Flow {
        var elements: [(key: TemplateValue, value: TemplateValue)] = []
        switch subject {
        case .list(let list): elements = list.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .map(let entries): elements = entries.map { (.string($0.key), $0.value) }
        case .labels(let labels): elements = labels.labels.map { (.string($0.name), .string($0.value)) }
        case .int(let count) where count <= 10_000 && steps < Self.maximumSteps:
            elements = (0..<max(0, count)).map { (.int($0), .int($0)) }
        case .none: break
        default: throw TemplateError("range can't iterate over \(subject.text)")
        }
        // `break` in the `else` of a loop belongs to the loop around it.
        if elements.isEmpty { return try flow(otherwise[...], dot, &out) }
        for element in elements {
            let scope = variables.count
            if let key { variables.append((key, element.key)) }
            if let value { variables.append((value, element.value)) }
            steps += 1
            let flow = try flow(body[...], element.value, &out)
            variables.removeLast(variables.count - scope)
            if flow == .breakLoop { break }
        }
        return .goOn
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
        guard case .function(let function)? = command.first else {
            guard command.count == 1, piped == nil, let only = command.first else {
                throw TemplateError("can't give argument to non-function")
            }
            return try operand(only, dot)
        }
        switch function.body {
        case .and: return try shortCircuit(isOr: false, command.dropFirst(), dot, piped)
        case .or: return try shortCircuit(isOr: true, command.dropFirst(), dot, piped)
        default: break
        }
        var arguments: [TemplateValue] = []
        for argument in command.dropFirst() { arguments.append(try operand(argument, dot)) }
        if let piped { arguments.append(piped) }
        try function.check(arguments.count)
        switch function.body {
        case .pure(let body): return try body(arguments)
        case .context: return try context.call(function.name, arguments)
        case .index:
            guard arguments[0] == .record, arguments.count == 2 else { return try TemplateBuiltin.index(arguments) }
            return .string(context.member(arguments[1].text))
        case .template:
            var out: [UInt8] = []
            try invoke(arguments[0].text, arguments[1], &out)
            return .string(String(decoding: out, as: UTF8.self))
        case .and, .or: return .none
        }
    }

    private mutating func shortCircuit(
        isOr: Bool, _ operands: ArraySlice<TemplateOperand>, _ dot: TemplateValue, _ piped: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        var last = TemplateValue.none
        for argument in operands {
            last = try operand(argument, dot)
            if last.isTrue == isOr { return last }
        }
        return piped ?? last
    }

    private mutating func operand(_ operand: TemplateOperand, _ dot: TemplateValue) throws(TemplateError)
        -> TemplateValue
    {
        switch operand {
        case .literal(let value): return value
        case .field(let names): return try member(names[...], of: dot)
        case .variable(let name, let names):
            if name.isEmpty { return try member(names[...], of: data) }
            guard let found = variables.last(where: { $0.name == name }) else {
                throw TemplateError("undefined variable: $\(name)")
            }
            return try member(names[...], of: found.value)
        case .function: return try evaluate([operand], dot, piped: nil)
        case .nested(let pipeline, let names): return try member(names[...], of: try evaluate(pipeline, dot))
        }
    }

    private func member(
        _ names: ArraySlice<String>, of value: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        guard let first = names.first else { return value }
        if case .record = value { return try member(names.dropFirst(), of: .string(context.member(first))) }
        return try member(names.dropFirst(), of: value.member(first))
    }
}
