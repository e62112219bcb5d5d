package enum Intrinsic: String, Hashable, Sendable, CaseIterable {
    case duration, name, status, statusMessage, kind, parent, spanID, parentID, childCount
    case traceID, traceDuration, rootName, rootServiceName
    case nestedSetLeft, nestedSetRight, nestedSetParent
    case eventName, eventTimeSinceStart, linkTraceID, linkSpanID
    case instrumentationName, instrumentationVersion

    /// The spelling of the old, unscoped form.
    static let unscoped: [String: Intrinsic] = [
        "duration": .duration, "name": .name, "status": .status, "statusMessage": .statusMessage, "kind": .kind,
        "parent": .parent, "rootName": .rootName, "rootServiceName": .rootServiceName,
        "traceDuration": .traceDuration, "nestedSetLeft": .nestedSetLeft, "nestedSetRight": .nestedSetRight,
        "nestedSetParent": .nestedSetParent,
    ]

    static let scoped: [String: Intrinsic] = [
        "trace:duration": .traceDuration, "trace:rootName": .rootName, "trace:rootService": .rootServiceName,
        "trace:id": .traceID, "span:duration": .duration, "span:name": .name, "span:kind": .kind,
        "span:status": .status, "span:statusMessage": .statusMessage, "span:id": .spanID, "span:parentID": .parentID,
        "span:childCount": .childCount, "event:name": .eventName, "event:timeSinceStart": .eventTimeSinceStart,
        "link:traceID": .linkTraceID, "link:spanID": .linkSpanID, "instrumentation:name": .instrumentationName,
        "instrumentation:version": .instrumentationVersion,
    ]

    static let scopesWithIntrinsics: Set<String> = ["trace", "span", "event", "link", "instrumentation"]

    /// As Tempo lists and prints them.
    package var spelling: String {
        switch self {
        case .spanID: "span:id"
        case .parentID: "span:parentID"
        case .childCount: "span:childCount"
        case .traceID: "trace:id"
        case .eventName: "event:name"
        case .eventTimeSinceStart: "event:timeSinceStart"
        case .linkTraceID: "link:traceID"
        case .linkSpanID: "link:spanID"
        case .instrumentationName: "instrumentation:name"
        case .instrumentationVersion: "instrumentation:version"
        default: rawValue
        }
    }

    /// What it takes all spans of a trace to know.
    var needsWholeTrace: Bool {
        switch self {
        case .childCount, .traceDuration, .rootName, .rootServiceName, .nestedSetLeft, .nestedSetRight,
            .nestedSetParent:
            true
        default: false
        }
    }
}

/// A field of a span as a query names it.
package struct FieldReference: Hashable, Sendable {
    package enum Scope: String, Hashable, Sendable, CaseIterable {
        /// Written `.name`: the span's attribute, else the resource's.
        case none = ""
        case span, resource, event, link, instrumentation
    }

    package var scope: Scope
    /// Of the span's parent.
    package var ofParent: Bool
    /// Key of the attribute; empty for an intrinsic.
    package var name: String
    package var intrinsic: Intrinsic?

    package init(scope: Scope, name: String, ofParent: Bool = false) {
        self.scope = scope
        self.name = name
        self.ofParent = ofParent
    }

    package init(_ intrinsic: Intrinsic) {
        scope = .none
        name = ""
        ofParent = false
        self.intrinsic = intrinsic
    }

    /// Tempo's key of the value in search results: without the scope.
    package var resultKey: String { intrinsic?.spelling ?? name }

    var needsWholeTrace: Bool { ofParent || intrinsic?.needsWholeTrace ?? false }

    /// A span has any number of values of it.
    var isMultiple: Bool {
        if let intrinsic {
            return [.eventName, .eventTimeSinceStart, .linkTraceID, .linkSpanID].contains(intrinsic)
        }
        return scope == .event || scope == .link
    }

    /// A name from a URL: a scoped TraceQL name, or, leniently, a bare key.
    package static func parse(_ text: String) -> FieldReference? {
        var lexer = Lexer(text)
        if let token = try? lexer.next(), let end = try? lexer.next(), end.token == .end {
            switch token.token {
            case .field(let field): return field
            case .word(let word): if let intrinsic = Intrinsic.unscoped[word] { return FieldReference(intrinsic) }
            default: break
            }
        }
        return text.isEmpty ? nil : FieldReference(scope: .none, name: text)
    }
}

extension FieldReference: CustomStringConvertible {
    package var description: String {
        if let intrinsic { return intrinsic.spelling }
        let prefix = (ofParent ? "parent." : "") + (scope == .none ? (ofParent ? "" : ".") : scope.rawValue + ".")
        let plain =
            !name.isEmpty
            && name.utf8.allSatisfy { !Lexer.endsAttribute($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            && !(name.utf8.first.map(Lexer.isDigit) ?? false)
            && !(ofParent && scope == .none && FieldReference.startsWithScope(name))
        if plain { return prefix + name }
        return prefix + "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private static func startsWithScope(_ name: String) -> Bool {
        name.hasPrefix("span.") || name.hasPrefix("resource.")
    }
}
