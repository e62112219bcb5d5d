package import Telemetry

/// The searches that came before TraceQL: Tempo's `tags=` and Jaeger's parameters. Both become a query.
package struct TraceSearchFilter: Sendable {
    package var service: String?
    package var operation: String?
    package var tags: [Attribute]
    /// Nanoseconds, of a span.
    package var minDuration: Int64?
    package var maxDuration: Int64?

    package init(
        service: String? = nil, operation: String? = nil, tags: [Attribute] = [], minDuration: Int64? = nil,
        maxDuration: Int64? = nil
    ) {
        self.service = service
        self.operation = operation
        self.tags = tags
        self.minDuration = minDuration
        self.maxDuration = maxDuration
    }

    /// Jaeger's meaning: one span has all of it; a tag may stand with the span, its events, its links, its process or
    /// its scope, each at another place.
    package var jaegerQuery: TraceQuery {
        TraceQuery(body: .spansets(Pipeline(stages: [.spansets(.filter(condition))])))
    }

    var condition: FieldExpression {
        var parts: [FieldExpression] = []
        if let service, !service.isEmpty {
            parts.append(equal(FieldReference(scope: .resource, name: "service.name"), .string(service)))
        }
        if let operation, !operation.isEmpty { parts.append(equal(FieldReference(.name), .string(operation))) }
        if let minDuration, minDuration > 0 {
            parts.append(.binary(.greaterOrEqual, .field(FieldReference(.duration)), .literal(.duration(minDuration))))
        }
        if let maxDuration, maxDuration > 0 {
            parts.append(.binary(.lessOrEqual, .field(FieldReference(.duration)), .literal(.duration(maxDuration))))
        }
        for tag in tags { parts.append(TraceSearchFilter.jaegerTag(tag)) }
        return joined(.and, parts) ?? .literal(.bool(true))
    }

    private static func jaegerTag(_ tag: Attribute) -> FieldExpression {
        let text = Static(tag.value).text
        var choices: [FieldExpression] = []
        switch tag.key {
        case "error":
            if text == "true" { choices.append(equal(FieldReference(.status), .status(.error))) }
        case "span.kind":
            if let kind = TraceSpan.Kind.allCases.first(where: { kindName($0) == text }) {
                choices.append(equal(FieldReference(.kind), .kind(kind)))
            }
        case "otel.status_code":
            if let status = TraceSpan.Status.allCases.first(where: { statusName($0) == text.lowercased() }) {
                choices.append(equal(FieldReference(.status), .status(status)))
            }
        case "otel.status_description": choices.append(equal(FieldReference(.statusMessage), .string(text)))
        case "otel.scope.name", "otel.library.name":
            choices.append(equal(FieldReference(.instrumentationName), .string(text)))
        case "otel.scope.version", "otel.library.version":
            choices.append(equal(FieldReference(.instrumentationVersion), .string(text)))
        default: break
        }
        for scope in [FieldReference.Scope.span, .resource, .event, .instrumentation, .link] {
            let field = FieldReference(scope: scope, name: tag.key)
            choices += typed(tag.value).map { equal(field, $0) }
        }
        return joined(.or, choices) ?? .literal(.bool(true))
    }

    /// A tag from a URL is text whatever its type was when it was sent.
    private static func typed(_ value: AttributeValue) -> [Static] {
        let known = Static(value)
        guard case .string(let text) = known else { return [known] }
        return [known] + readings(of: text)
    }

    static func readings(of text: String) -> [Static] {
        if text == "true" { return [.bool(true)] }
        if text == "false" { return [.bool(false)] }
        if let number = Int64(text) { return [.int(number)] }
        if let number = Double(text), number.isFinite { return [.float(number)] }
        return []
    }

    // MARK: Tempo

    /// Tempo's meaning: the trace has each tag somewhere, strings as a part and whatever the case; the durations are
    /// the trace's. `tags` is logfmt: `service.name=cart http.status_code=500 db.statement="select 1"`.
    package static func tempoQuery(
        tags: String, minDuration: Int64? = nil, maxDuration: Int64? = nil
    ) throws(TraceQLError) -> TraceQuery {
        var spansets: SpansetExpression?
        for tag in try logfmt(tags) {
            let next = SpansetExpression.filter(tempoTag(tag.key, tag.value))
            spansets = spansets.map { .binary(.and, $0, next) } ?? next
        }
        var durations: [FieldExpression] = []
        let field = FieldExpression.field(FieldReference(.traceDuration))
        if let minDuration, minDuration > 0 {
            durations.append(.binary(.greaterOrEqual, field, .literal(.duration(minDuration))))
        }
        if let maxDuration, maxDuration > 0 {
            durations.append(.binary(.lessOrEqual, field, .literal(.duration(maxDuration))))
        }
        var stages: [PipelineStage] = []
        if let spansets { stages.append(.spansets(spansets)) }
        if let condition = joined(.and, durations) { stages.append(.spansets(.filter(condition))) }
        if stages.isEmpty { stages.append(.spansets(.filter(.literal(.bool(true))))) }
        return TraceQuery(body: .spansets(Pipeline(stages: stages)))
    }

    private static func tempoTag(_ key: String, _ text: String) -> FieldExpression {
        let part = FieldExpression.literal(.string("(?is).*" + escaped(text) + ".*"))
        switch key {
        case "name": return .binary(.matches, .field(FieldReference(.name)), part)
        case "root.name": return .binary(.matches, .field(FieldReference(.rootName)), part)
        case "root.service.name": return .binary(.matches, .field(FieldReference(.rootServiceName)), part)
        case "status", "status.code":
            if let status = TraceSpan.Status.allCases.first(where: { statusName($0) == text.lowercased() }) {
                return equal(FieldReference(.status), .status(status))
            }
        case "error" where text == "true": return equal(FieldReference(.status), .status(.error))
        default: break
        }
        let field = FieldReference(scope: .none, name: key)
        return joined(.or, [.binary(.matches, .field(field), part)] + readings(of: text).map { equal(field, $0) })
            ?? .literal(.bool(true))
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            if "\\.+*?()|[]{}^$".unicodeScalars.contains(scalar) { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        return out
    }

    static func logfmt(_ text: String) throws(TraceQLError) -> [(key: String, value: String)] {
        var out: [(key: String, value: String)] = []
        let scalars = Array(text.unicodeScalars)
        var cursor = 0
        while cursor < scalars.count {
            if scalars[cursor].properties.isWhitespace {
                cursor += 1
                continue
            }
            var key = ""
            while cursor < scalars.count, scalars[cursor] != "=", !scalars[cursor].properties.isWhitespace {
                key.unicodeScalars.append(scalars[cursor])
                cursor += 1
            }
            guard !key.isEmpty else {
                throw .badParameter("invalid tags: a value without a key at character \(cursor + 1)")
            }
            var value = ""
            if cursor < scalars.count, scalars[cursor] == "=" {
                cursor += 1
                if cursor < scalars.count, scalars[cursor] == "\"" {
                    value = try quotedValue(scalars, &cursor)
                } else {
                    while cursor < scalars.count, !scalars[cursor].properties.isWhitespace {
                        value.unicodeScalars.append(scalars[cursor])
                        cursor += 1
                    }
                }
            } else {
                value = "true"
            }
            out.append((key, value))
        }
        return out
    }

    private static func quotedValue(_ scalars: [Unicode.Scalar], _ cursor: inout Int) throws(TraceQLError) -> String {
        let start = cursor
        cursor += 1
        var value = ""
        while cursor < scalars.count {
            if scalars[cursor] == "\"" {
                cursor += 1
                return value
            }
            if scalars[cursor] == "\\", cursor + 1 < scalars.count { cursor += 1 }
            value.unicodeScalars.append(scalars[cursor])
            cursor += 1
        }
        throw .badParameter("invalid tags: the quotation mark at character \(start + 1) is not closed")
    }
}

private func equal(_ field: FieldReference, _ value: Static) -> FieldExpression {
    .binary(.equal, .field(field), .literal(value))
}

private func joined(_ operation: FieldOperator, _ parts: [FieldExpression]) -> FieldExpression? {
    guard var out = parts.first else { return nil }
    for part in parts.dropFirst() { out = .binary(operation, out, part) }
    return out
}
