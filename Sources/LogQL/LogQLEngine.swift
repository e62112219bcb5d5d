package import Storage
package import Telemetry
internal import Vectors

/// Runs LogQL over whatever reads events.
package struct LogQLEngine: Sendable {
    package struct Options: Sendable {
        /// Whether stores are told of line and label filters. Answers are the same without.
        package var pushesDown = true
        /// Loki's `max_query_series`; 0 is no limit.
        package var maximumSeries = 500
        /// Loki's 11,000 points per series.
        package var maximumPoints = 11_000
        package init() {}
    }

    package let reader: any EventReader
    package let options: Options

    package init(reader: any EventReader, options: Options = Options()) {
        self.reader = reader
        self.options = options
    }

    /// Throws ``LogQLError/parse(line:column:message:)``.
    package static func parse(_ query: String) throws(LogQLError) -> Expression { try Parser.parse(query) }

    /// A bare selector, as `match[]` has it; `{}` is allowed here.
    package static func parseSelector(_ text: String) throws(LogQLError) -> [Matcher] { try Parser.selector(text) }

    /// What `format_query` answers.
    package static func format(_ query: String) throws(LogQLError) -> String { try Parser.parse(query).pretty }

    static func metric(_ expression: Expression) throws(LogQLError) -> MetricExpression {
        guard case .metric(let metric) = expression else {
            throw .unsupported(
                "log queries are not supported as an instant query type, please change your query to a range query type"
            )
        }
        return metric
    }
}
