import Storage
import Telemetry

extension EmbeddedEventStore {
    /// What lines of logs say, by pattern, over the windows of the query.
    package func templates(_ query: LogTemplateQuery, context: QueryContext) async throws -> [LogTemplate] {
        try logs.templates(query, context: context)
    }
}

extension TableStore {
    func templates(_ query: LogTemplateQuery, context: QueryContext) throws -> [LogTemplate] {
        var scan = try TemplateScan(snapshot: try snapshot, query: query, context: context, cache: templateCache)
        try scan.run()
        note(scan.problems)
        return scan.folding.templates
    }
}
