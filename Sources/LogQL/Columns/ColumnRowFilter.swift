internal import Storage
internal import Telemetry

/// The label filters of a log query, told from columns: a line that none of them lets through is not put together.
struct ColumnRowFilter: EventRowFilter {
    private let plan: ColumnPlan
    private let parsing: TemplateParsing

    /// nil where there is nothing to tell.
    init?(_ stages: [Stage]) throws(LogQLError) {
        plan = try ColumnPlan(prefixOf: stages)
        guard plan.hasFilters else { return nil }
        parsing = try TemplateParsing(plan)
    }

    func restrict(_ rows: inout RowMask, of block: any EventBlock) throws {
        var parsing = parsing
        let labels = try BlockLabels(block, plan, GroupLabels(plan), &parsing)
        var state = ColumnRows(passing: rows, unknown: RowMask(count: rows.count, all: false))
        state.setAside(labels.unknown)
        _ = try state.run(plan, labels)
        rows = state.passing
        rows.formUnion(state.unknown)
    }
}
