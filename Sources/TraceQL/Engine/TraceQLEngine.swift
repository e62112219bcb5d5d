package import Storage
internal import Telemetry

/// TraceQL over any store of spans.
package struct TraceQLEngine: Sendable {
    package struct Options: Hashable, Sendable {
        /// Whether filters are handed to the store. Answers are the same without; it is there for the test of that.
        package var pushesDown = true
        /// Traces fetched at once while searching; it doubles with every round.
        package var candidatesPerRound = 64
        package init() {}
    }

    package let reader: any EventReader
    package var options: Options

    package init(reader: any EventReader, options: Options = Options()) {
        self.reader = reader
        self.options = options
    }

    /// Reads and checks a query.
    package static func parse(_ text: String) throws(TraceQLError) -> TraceQuery {
        let query = try Parser.parse(text)
        try Validator.validate(query)
        try checkExpressions(query)
        return query
    }

    /// Regular expressions are compiled once here, so that a broken one is an error of the query.
    private static func checkExpressions(_ query: TraceQuery) throws(TraceQLError) {
        switch query.body {
        case .spansets(let pipeline): _ = try CompiledPipeline(pipeline)
        case .metrics(let metrics): try checkExpressions(metrics)
        }
    }

    private static func checkExpressions(_ metrics: MetricsExpression) throws(TraceQLError) {
        switch metrics {
        case .leaf(let pipeline, let function):
            _ = try CompiledPipeline(pipeline)
            if let selection = function.selection { _ = try CompiledField(selection) }
        case .number: break
        case .top(_, let inner), .bottom(_, let inner), .filter(let inner, _, _): try checkExpressions(inner)
        case .math(_, let left, let right):
            try checkExpressions(left)
            try checkExpressions(right)
        }
    }
}
