import Endpoints
import Foundation
import Logging
import Scraping
import Telemetry
import TestSupport
import Testing

@Suite struct DiscoveryFileTests {
    @Test func filesAreWatchedAndABrokenOneKeepsItsTargets() async throws {
        try await withTemporaryFolder { folder in
            func write(_ name: String, _ text: String) throws {
                try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
            }
            try write("one.json", #"[{"targets": ["a:1"], "labels": {"env": "x"}}]"#)
            try write("two.yml", "- targets: ['b:2', 'c:3']\n")
            try write("not.txt", "- targets: ['z:9']\n")
            var discovery = FileDiscovery(patterns: [folder.path + "/*.json", folder.path + "/two.yml"])
            discovery.watchInterval = 20
            let seen = Shared<[TargetGroup]>([])
            let failures = Shared<[String]>([])
            let context = DiscoveryContext(connections: EndpointConnections(), logger: Logger(label: "test")) { error in
                failures.withLock { $0.append("\(error)") }
            }
            func targets() -> [String] { seen.withLock { $0.flatMap(\.targets) } }
            let watching = discovery
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await watching.run(context) { groups in seen.withLock { $0 = groups } }
                }
                try await expectEventually { targets() == ["a:1", "b:2", "c:3"] }
                let first = seen.withLock { $0[0] }
                #expect(first.labels.dictionary == ["env": "x", "__meta_filepath": folder.path + "/one.json"])
                #expect(first.source == folder.path + "/one.json:0")
                try write("one.json", #"[{"targets": ["a:1"#)
                try write("two.yml", "- targets: ['d:4']\n")
                try await expectEventually { targets() == ["a:1", "d:4"] }
                #expect(failures.withLock { $0.contains { $0.contains("one.json") } })
                try write("three.json", #"[{"targets": ["e:5"]}, {"targets": ["f:6"]}]"#)
                try await expectEventually { targets() == ["a:1", "e:5", "f:6", "d:4"] }
                try write("one.json", "[]")
                try FileManager.default.removeItem(atPath: folder.path + "/three.json")
                try await expectEventually { targets() == ["d:4"] }
                try write("two.yml", "- labels: {a: b}\n  target: [x]\n")
                try await expectEventually { failures.withLock { $0.last?.contains("unknown key \"target\"") == true } }
                #expect(targets() == ["d:4"])
                group.cancelAll()
            }
        }
    }
}
