import Foundation
import LogQL
import Testing

/// LogQL by cases over known data: what each construct selects, extracts and computes.
@Suite struct ScriptTests {
    @Test func everyConstructGivesWhatItsCaseSays() async throws {
        for (name, script) in [
            ("parsers", ScriptTests.parsers), ("filters", ScriptTests.filters), ("filters 2", ScriptTests.moreFilters),
            ("formats", ScriptTests.formats), ("ranges", ScriptTests.ranges), ("vectors", ScriptTests.vectors),
            ("extensions", ScriptTests.extensions),
        ] {
            var runner = ScriptRunner()
            try await runner.run(script, name: name)
            for failure in runner.failures { Issue.record("\(failure)") }
            #expect(runner.passed > 40, "\(name)")
        }
    }

    /// Scripts of the same form that lie beside the project (`logql/*.logqltest` of the conformance folder).
    @Test func scriptsBesideTheProjectPass() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let told = ProcessInfo.processInfo.environment["NEEDLETAIL_CONFORMANCE"].map { URL(fileURLWithPath: $0) }
        let folder = (told ?? root.appendingPathComponent("shared/conformance")).appendingPathComponent("logql")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        let scripts = files.filter { $0.pathExtension == "logqltest" }
        guard !scripts.isEmpty else {
            print("no LogQL scripts in \(folder.path): not run")
            return
        }
        for script in scripts.sorted(by: { $0.path < $1.path }) {
            var runner = ScriptRunner()
            try await runner.run(String(contentsOf: script, encoding: .utf8), name: script.lastPathComponent)
            print("\(script.lastPathComponent): \(runner.passed) passed, \(runner.failures.count) failed")
            for failure in runner.failures { Issue.record("\(failure)") }
        }
    }
}
