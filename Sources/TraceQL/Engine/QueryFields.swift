internal import Storage
internal import Telemetry

/// The fields that a query looks at, in the order written.
struct QueryFields {
    private(set) var fields: [FieldReference] = []

    init() {}

    init(_ pipeline: Pipeline) { add(pipeline) }

    private mutating func add(_ field: FieldReference) {
        if !fields.contains(field) { fields.append(field) }
    }

    mutating func add(_ expression: FieldExpression) {
        switch expression {
        case .literal: break
        case .field(let field): add(field)
        case .not(let inner), .negate(let inner): add(inner)
        case .binary(_, let left, let right):
            add(left)
            add(right)
        }
    }

    mutating func add(_ pipeline: Pipeline) {
        for stage in pipeline.stages {
            switch stage {
            case .spansets(let expression): add(expression)
            case .scalarFilter(let left, _, let right):
                add(left)
                add(right)
            case .by(let expression): add(expression)
            case .select(let fields): for field in fields { add(field) }
            case .coalesce: break
            }
        }
    }

    mutating func add(_ function: MetricsFunction) {
        if let field = function.field { add(field) }
        for field in function.by { add(field) }
        if let selection = function.selection { add(selection) }
    }

    private mutating func add(_ expression: SpansetExpression) {
        switch expression {
        case .filter(let condition): add(condition)
        case .binary(_, let left, let right):
            add(left)
            add(right)
        case .pipeline(let pipeline): add(pipeline)
        }
    }

    private mutating func add(_ scalar: ScalarExpression) {
        switch scalar {
        case .literal: break
        case .aggregate(_, let argument): if let argument { add(argument) }
        case .binary(_, let left, let right):
            add(left)
            add(right)
        }
    }

    var needsWholeTrace: Bool { fields.contains { $0.needsWholeTrace } }

    /// What a span must have to be placed in its trace and shown in a list.
    static let always: Set<String> = [
        EventColumnName.traceID, EventColumnName.spanID, EventColumnName.parentID, EventColumnName.spanName,
        EventColumnName.spanKind, EventColumnName.statusCode, EventColumnName.duration,
    ]

    /// For spans that are counted one by one.
    static let identity: Set<String> = [EventColumnName.traceID, EventColumnName.spanID, EventColumnName.spanKind]

    var columns: Set<String> { columns(besides: QueryFields.always) }

    func columns(besides basis: Set<String>) -> Set<String> {
        var out = basis
        for field in fields {
            switch field.intrinsic {
            case nil: out.formUnion(PredicatePlanner.columns(of: field))
            case .name: out.insert(EventColumnName.spanName)
            case .kind: out.insert(EventColumnName.spanKind)
            case .status: out.insert(EventColumnName.statusCode)
            case .duration: out.insert(EventColumnName.duration)
            case .parent, .parentID: out.insert(EventColumnName.parentID)
            case .statusMessage: out.insert(EventColumnName.statusMessage)
            case .eventName, .eventTimeSinceStart: out.insert(EventColumnName.events)
            case .linkTraceID, .linkSpanID: out.insert(EventColumnName.links)
            case .instrumentationName, .instrumentationVersion:
                out.formUnion([EventColumnName.scopeName, EventColumnName.scopeVersion])
            default: break
            }
        }
        return out
    }
}
