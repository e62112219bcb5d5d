import Foundation
import TestSupport
import Testing

@testable import Server

@Suite struct ScrapeStatusTests {
    @Test func `targets, what was dropped of them and what they say are told`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.path
            func configure(_ options: inout ServeOptions) {
                // Its own page, and two more targets that relabelling drops, of which one is kept to be shown.
                let targets = "[{targets: [\"\(options.listen)\", \"gone:1\", \"gone:2\"]}]"
                let main = """
                    scrape_configs:
                      - job_name: own
                        scrape_interval: 100ms
                        keep_dropped_targets: 1
                        file_sd_configs: [{files: [targets.yml]}, {files: [none.yml]}]
                        relabel_configs: [{source_labels: [__address__], regex: "gone.*", action: drop}]
                    """
                try? targets.write(toFile: path + "/targets.yml", atomically: true, encoding: .utf8)
                try? main.write(toFile: path + "/main.yml", atomically: true, encoding: .utf8)
                options.configurationFile = path + "/main.yml"
            }
            try await LiveServer.run(in: path, configure) { base, process in
                let deadline = ContinuousClock.now + .seconds(60)
                while process.scrapes.targets.first?.metadata.isEmpty != false, ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(50))
                }
                let metadata = "/api/v1/targets/metadata"
                let name = "needletail_targets"
                let entry = #""type":"gauge","help":"Scrape targets by health.","unit":""}"#
                let cases: [(path: String, status: UInt, expected: [String])] = [
                    ("/api/v1/targets", 200, [#""droppedTargetCounts":{"own":2}"#, #""health":"up""#]),
                    ("/api/v1/targets?scrapePool=x", 200, [#""activeTargets":[],"droppedTargets":[]"#]),
                    ("/api/v1/targets?state=active", 200, [#""droppedTargetCounts":{}"#]),
                    (metadata, 200, [#""metric":"\#(name)",\#(entry)"#]),
                    ("\(metadata)?metric=\(name)", 200, [#""job":"own"},\#(entry)"#]),
                    (LiveServer.query(metadata, [("match_target", "{job=\"own\"}")]), 200, [entry]),
                    (LiveServer.query(metadata, [("match_target", "{job=\"x\"}")]), 200, [#""data":[]"#]),
                    (LiveServer.query(metadata, [("match_target", "{")]), 400, [#"parameter \"match_target\""#]),
                    ("\(metadata)?limit=x", 400, ["limit must be a number"]),
                    ("\(metadata)?limit=0", 200, [#""data":[]"#]),
                    (
                        "/metrics", 200,
                        [
                            #"prometheus_sd_discovered_targets{config="own",name="file"} 3"#,
                            #"prometheus_sd_refresh_failures_total{config="own",mechanism="file"} 0"#,
                            #"needletail_scrape_samples_rejected_total{reason="out_of_order"} 0"#,
                            "needletail_delta_series 0",
                            #"needletail_ingested_total{protocol="scrape",signal="metrics"} "#,
                            #"needletail_targets{health="up"} 1"#,
                        ]
                    ),
                ]
                for (path, status, expected) in cases {
                    let answer = try await LiveServer.send("GET", base + path)
                    #expect(answer.status == status, "\(path): \(answer.status)")
                    for text in expected {
                        #expect(answer.text.contains(text), "\(path) without \(text): \(answer.text.prefix(20_000))")
                    }
                }
                let one = try await LiveServer.send("GET", base + metadata + "?limit=1").text
                #expect(one.components(separatedBy: "\"target\"").count == 2, "\(one)")
                let dropped = try await LiveServer.send("GET", base + "/api/v1/targets?state=dropped").text
                #expect(dropped.components(separatedBy: "\"discoveredLabels\"").count == 2, "\(dropped)")
            }
        }
    }
}
