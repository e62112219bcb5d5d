import PromQL
import Storage
import Telemetry
import Wire

/// `/api/v1/admin/tsdb`: what changes stored data, off unless `--web.enable-admin-api` is given, as in Prometheus.
struct PrometheusAdmin {
    let process: ServerProcess

    func register(on routes: Routes) {
        func on(_ path: String, _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer) {
            routes.on(
                [.post, .put], "/api/v1/admin/tsdb\(path)", "/prometheus/api/v1/admin/tsdb\(path)",
                errors: PrometheusEnvelope.errors
            ) { call in
                guard process.options.enablesAdminAPI else {
                    // Prometheus' status for it, which promtool and its tests know.
                    return PrometheusEnvelope.answer(
                        500, "unavailable", "admin APIs disabled; start with --web.enable-admin-api")
                }
                return try await handler(call)
            }
        }
        on("/delete_series") { try await deleteSeries($0) }
        on("/clean_tombstones") { _ in try await cleanTombstones() }
        on("/snapshot") { try await snapshot($0) }
        // Ours: what is in memory goes to parts now, before a measurement or a copy of the folder.
        on("/flush") { _ in try await flush() }
    }

    private func deleteSeries(_ call: HTTPCall) async throws -> HTTPAnswer {
        let selectors = call.parameters.values("match[]")
        if selectors.isEmpty { throw HTTPFailure(400, "no match[] parameter provided") }
        let sets = try selectors.map { selector in
            do { return try PromQLEngine.parseSelector(selector) } catch {
                throw HTTPFailure.badParameter("match[]", "\(error)")
            }
        }
        let start = try call.parameters["start"].map { try TimeParameters.moment($0, name: "start") }
        let end = try call.parameters["end"].map { try TimeParameters.moment($0, name: "end") }
        let range = TimeRange(
            start: start ?? TimeRange.all.start, end: end.map { min($0, .max - 1) + 1 } ?? TimeRange.all.end)
        if range.start > range.end {
            throw HTTPFailure.badParameter("end", "end timestamp must not be before start time")
        }
        try await process.series.delete(sets, range: range)
        process.logger.notice("series deleted", metadata: ["match": "\(selectors.joined(separator: " "))"])
        return .noContent
    }

    private func cleanTombstones() async throws -> HTTPAnswer {
        try await process.series.cleanTombstones()
        return .noContent
    }

    private func flush() async throws -> HTTPAnswer {
        try await process.series.compact()
        try await process.events.seal()
        ReleaseFreeMemory.now()
        return .noContent
    }

    /// `snapshots/NAME` in the data folder; opens like any data folder. With `skip_head` what is only in journals stays
    /// out.
    private func snapshot(_ call: HTTPCall) async throws -> HTTPAnswer {
        let skipsHead: Bool
        switch call.parameters["skip_head"] {
        case nil: skipsHead = false
        case let text?:
            guard let flag = GoBoolean.parse(text) else {
                throw HTTPFailure.badParameter(
                    "skip_head", "unable to parse boolean: strconv.ParseBool: parsing \"\(text)\": invalid syntax")
            }
            skipsHead = flag
        }
        // As Prometheus names them: 20171210T211224Z-2be650b6d019eb54.
        let time = RFC3339.format(milliseconds: TimeParameters.nowMilliseconds).filter { $0 != "-" && $0 != ":" }
        let name = time.prefix(15) + "Z-" + String(UInt64.random(in: .min ... .max), radix: 16)
        try process.folder.fileSystem.makeFolder(process.folder.path + "/snapshots")
        try process.folder.snapshot(
            to: process.folder.path + "/snapshots/" + name,
            journals: skipsHead ? [] : ["series/journal", "logs/journal", "spans/journal"])
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.field("name", name)
            json.endObject()
        }
    }
}
