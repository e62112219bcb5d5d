internal import Vectors

/// The other ways in which an instant evaluation must give the same answer.
enum TestVariants {
    /// Functions whose result depends on the time of evaluation, whatever their arguments are pinned to.
    private static let timeDependent: Set<String> = [
        "days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year",
        "predict_linear",
        "time", "timestamp", "start", "end", "step", "range", "start_timestamp",
    ]

    /// Whether a range query around the moment has the answer as its middle point.
    static func hasRangeForm(_ query: String) -> Bool {
        let lowered = query.lowercased()
        return !["start()", "end()", "step()", "range()"].contains { lowered.contains($0) }
    }

    /// The query with `@ time` on every selector outside subqueries and on every subquery; nil where that changes its
    /// meaning.
    static func pinned(_ query: String, at time: Int64) -> String? {
        guard let expression = try? PromQLEngine.parse(query, options: .everything) else { return nil }
        return pin(expression, .time(time))?.description
    }

    static func evaluationTimes(_ time: Int64) -> [Int64] {
        time == 0 ? [-1000, 0, 1000] : [-10 &* time, 0, time / 5, time, 10 &* time]
    }

    private static func pin(_ expression: Expression, _ at: AtModifier) -> Expression? {
        var out = expression
        switch expression.node {
        case .number, .string: break
        case .vector(var selector):
            selector.at = selector.at ?? at
            out.node = .vector(selector)
        case .matrix(var selector, let range):
            selector.at = selector.at ?? at
            out.node = .matrix(selector, range: range)
        case .subquery(var subquery):
            guard !dependsOnTime(subquery.inner) else { return nil }
            subquery.at = subquery.at ?? at
            out.node = .subquery(subquery)
        case .parenthesized(let inner):
            guard let inner = pin(inner, at) else { return nil }
            out.node = .parenthesized(inner)
        case .negated(let inner):
            guard let inner = pin(inner, at) else { return nil }
            out.node = .negated(inner)
        case .plus(let inner):
            guard let inner = pin(inner, at) else { return nil }
            out.node = .plus(inner)
        case .binary(var binary):
            guard let left = pin(binary.left, at), let right = pin(binary.right, at) else { return nil }
            (binary.left, binary.right) = (left, right)
            out.node = .binary(binary)
        case .aggregate(var aggregation):
            guard let inner = pin(aggregation.inner, at) else { return nil }
            aggregation.inner = inner
            if let parameter = aggregation.parameter {
                guard let parameter = pin(parameter, at) else { return nil }
                aggregation.parameter = parameter
            }
            out.node = .aggregate(aggregation)
        case .call(var call):
            if timeDependent.contains(call.function.name) { return nil }
            for number in call.arguments.indices where call.function.name != "info" || number == 0 {
                guard let argument = pin(call.arguments[number], at) else { return nil }
                call.arguments[number] = argument
            }
            out.node = .call(call)
        }
        return out
    }

    private static func dependsOnTime(_ expression: Expression) -> Bool {
        switch expression.node {
        case .number, .string, .vector, .matrix: false
        case .subquery(let subquery): dependsOnTime(subquery.inner)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): dependsOnTime(inner)
        case .binary(let binary): dependsOnTime(binary.left) || dependsOnTime(binary.right)
        case .aggregate(let aggregation): dependsOnTime(aggregation.inner)
        case .call(let call):
            timeDependent.contains(call.function.name) || call.arguments.contains { dependsOnTime($0) }
        }
    }
}
