internal import Telemetry

extension Static {
    init(_ value: AttributeValue) {
        switch value {
        case .string(let text): self = .string(text)
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .float(number)
        case .array(let elements): self = .array(elements.map { Static($0) })
        case .bytes(let bytes):
            self = .opaque(bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined())
        case .map(let pairs):
            self = .opaque("{" + pairs.map { "\(quoted($0.key)):\(Static($0.value))" }.joined(separator: ",") + "}")
        case .empty: self = .nil
        }
    }
}

extension FieldReference {
    /// What the span has there. `trace` may be missing where ``needsWholeTrace`` is false.
    func value(of span: TraceSpan, in trace: Trace?, at index: Int) -> Static {
        if ofParent {
            guard let trace, index < trace.spans.count, trace.tree.parent[index] != TraceTree.none else { return .nil }
            let parent = trace.tree.parent[index]
            return FieldReference(scope: scope, name: name).value(of: trace.spans[parent], in: trace, at: parent)
        }
        if let intrinsic { return FieldReference.value(intrinsic, of: span, in: trace, at: index) }
        switch scope {
        case .none: return look(span.attributes) ?? look(span.origin.resource) ?? .nil
        case .span: return look(span.attributes) ?? .nil
        case .resource: return look(span.origin.resource) ?? .nil
        case .instrumentation: return look(span.origin.scopeAttributes) ?? .nil
        case .event: return FieldReference.several(span.events.compactMap { look($0.attributes) })
        case .link: return FieldReference.several(span.links.compactMap { look($0.attributes) })
        }
    }

    private func look(_ attributes: [Attribute]) -> Static? {
        for attribute in attributes where attribute.key == name { return Static(attribute.value) }
        return nil
    }

    /// Arrays inside of several values are spread: any of all their elements may match.
    private static func several(_ values: [Static]) -> Static {
        if values.isEmpty { return .nil }
        return .array(
            values.flatMap { value in
                if case .array(let elements) = value { elements } else { [value] }
            })
    }

    private static func value(_ intrinsic: Intrinsic, of span: TraceSpan, in trace: Trace?, at index: Int) -> Static {
        switch intrinsic {
        case .duration: .duration(span.duration)
        case .name: .string(span.name)
        case .status: .status(span.status)
        case .statusMessage: .string(span.statusMessage)
        case .kind: .kind(span.kind)
        case .parent, .parentID: span.parentID.map { .string($0.hex) } ?? .nil
        case .spanID: .string(span.spanID.hex)
        case .traceID: .string(span.traceID.hex)
        case .instrumentationName: .string(span.origin.scopeName)
        case .instrumentationVersion: .string(span.origin.scopeVersion)
        case .eventName: several(span.events.map { .string($0.name) })
        case .eventTimeSinceStart: several(span.events.map { .duration($0.time.subtractingSaturating(span.start)) })
        case .linkTraceID: several(span.links.map { .string($0.traceID.hex) })
        case .linkSpanID: several(span.links.map { .string($0.spanID.hex) })
        default: trace.map { ofTrace(intrinsic, span, $0, index) } ?? .nil
        }
    }

    private static func ofTrace(_ intrinsic: Intrinsic, _ span: TraceSpan, _ trace: Trace, _ index: Int) -> Static {
        switch intrinsic {
        case .childCount: return .int(Int64(trace.tree.childCount[index]))
        case .traceDuration: return .duration(trace.duration)
        case .rootName: return .string(trace.rootName)
        case .rootServiceName: return .string(trace.rootServiceName)
        case .nestedSetLeft: return .int(Int64(trace.tree.left[index]))
        case .nestedSetRight: return .int(Int64(trace.tree.right[index]))
        case .nestedSetParent:
            let parent = trace.tree.parent[index]
            if parent != TraceTree.none { return .int(Int64(trace.tree.left[parent])) }
            // Clients ask for roots with `nestedSetParent < 0`; the top of an orphaned tree is none.
            return .int(span.parentID == nil ? -1 : 0)
        default: return .nil
        }
    }
}
