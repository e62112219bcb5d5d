/// `nestedSetParent < 0` is how Tempo's clients ask for root spans. Written as `parent = nil` it needs one span only,
/// not its whole trace.
enum RootTest {
    static func rewrite(_ pipeline: Pipeline) -> Pipeline {
        Pipeline(
            stages: pipeline.stages.map { stage in
                if case .spansets(.filter(let condition)) = stage {
                    .spansets(.filter(rewrite(condition)))
                } else {
                    stage
                }
            })
    }

    static func rewrite(_ expression: FieldExpression) -> FieldExpression {
        switch expression {
        case .literal, .field: return expression
        case .not(let inner): return .not(rewrite(inner))
        case .negate(let inner): return .negate(rewrite(inner))
        case .binary(let operation, let left, let right):
            if left == .field(FieldReference(.nestedSetParent)), case .literal(.int(let number)) = right {
                let parent = FieldExpression.field(FieldReference(.parent))
                switch (operation, number) {
                case (.less, 0), (.equal, -1), (.lessOrEqual, -1): return .binary(.equal, parent, .literal(.nil))
                case (.greaterOrEqual, 0), (.notEqual, -1), (.greater, -1):
                    return .binary(.notEqual, parent, .literal(.nil))
                default: break
                }
            }
            return .binary(operation, rewrite(left), rewrite(right))
        }
    }
}
