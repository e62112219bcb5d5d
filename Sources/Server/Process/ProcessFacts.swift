import Foundation
import Storage
import Telemetry

extension ServerProcess {
    /// Everything stored since the start, over all protocols.
    package var ingestedTotals: (samples: Int, logs: Int, spans: Int) {
        let totals = gateway.totals.current
        return (totals.samples + scrapes.storedSamples, totals.logs, totals.spans)
    }

    /// The services that each signal knows: targets that were up, and what logs and spans call themselves.
    package func seenServices() async -> (metrics: [String], logs: [String], traces: [String]) {
        let context = queryContext()
        let jobs = try? await series.labelValues(
            "job", SeriesCatalogQuery(matcherSets: [[Matcher("__name__", .equal, "scrape_samples_scraped")]]),
            context: context)
        let logs = try? await events.labelValues("service_name", EventCatalogQuery(table: .logs), context: context)
        let traces = try? await events.labelValues("service_name", EventCatalogQuery(table: .spans), context: context)
        return (jobs ?? [], logs ?? [], traces ?? [])
    }

    /// Resident memory of this process.
    package static var residentBytes: Int { ProcessMemory.residentBytes }

    static var threadCount: Int {
        for line in (ProcessMemory.read("/proc/self/status") ?? "").split(separator: "\n")
        where line.hasPrefix("Threads:") {
            return Int(line.dropFirst(8).filter(\.isNumber)) ?? 0
        }
        return 0
    }

    /// Takes a configuration made by the program; where it is wrong the old one stays.
    package func use(_ configuration: ServerConfiguration) throws { try take(configuration) }
}
