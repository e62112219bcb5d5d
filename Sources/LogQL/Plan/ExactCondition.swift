package import Storage
internal import Telemetry

extension LogExpression {
    /// The condition on stored rows that says all that the stages say; nil where a store cannot know (it has to be
    /// parsed, or is spelled in ways that only the pipeline knows).
    package var exactCondition: EventPredicate? {
        guard results.isEmpty else { return nil }
        var conditions: [EventPredicate] = []
        for stage in stages {
            guard case .lineFilter(let filter) = stage, filter.operation == .contains || filter.operation == .lacks
            else { return nil }
            var needles: [EventPredicate] = []
            for operand in filter.operands {
                guard case .text(let text) = operand, !text.isEmpty else { return nil }
                needles.append(.contains(column: EventColumnName.line, Array(text.utf8)))
            }
            let any = needles.count == 1 ? needles[0] : .or(needles)
            conditions.append(filter.operation == .lacks ? .not(any) : any)
        }
        return conditions.isEmpty ? .everything : conditions.count == 1 ? conditions[0] : .and(conditions)
    }
}
