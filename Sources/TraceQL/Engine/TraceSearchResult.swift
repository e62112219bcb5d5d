/// One trace that a search found.
package struct TraceSearchResult: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package var key: String
        package var value: Static
    }

    package struct Span: Hashable, Sendable {
        /// 16 hex digits.
        package var spanID: String
        package var name: String
        package var startTimeUnixNano: Int64
        package var durationNanos: Int64
        /// What the query looked at or selected, as far as the span has it.
        package var attributes: [Field]
    }

    package struct SpanSet: Hashable, Sendable {
        /// The first spans; ``matched`` counts all.
        package var spans: [Span]
        package var matched: Int
        /// Values of aggregates and of `by()`.
        package var attributes: [SpansetAttribute]
    }

    /// 32 hex digits.
    package var traceID: String
    package var rootServiceName: String
    package var rootTraceName: String
    package var startTimeUnixNano: Int64
    package var durationMs: Int64
    package var spanSets: [SpanSet]
    package var serviceStats: [String: ServiceStatistics]
}
