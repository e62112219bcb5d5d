import Foundation
import PromQL
import Testing

@Suite struct ConformanceTests {
    /// Evaluations that must pass, by file of Prometheus' own suite: less is a regression.
    static let minimumPasses: [String: Int] = [
        "aggregators.test": 160, "duration_expression.test": 59, "functions.test": 431, "info.test": 53,
        "limit.test": 37,
        "literals.test": 25, "name_label_dropping.test": 30, "native_histograms.test": 522, "selectors.test": 31,
        "staleness.test": 17, "trig_functions.test": 19, "type_and_unit.test": 58,
    ]

    static var folder: URL? {
        let environment = ProcessInfo.processInfo.environment["NEEDLETAIL_CONFORMANCE"].map { URL(fileURLWithPath: $0) }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = (environment ?? root.appendingPathComponent("../shared/conformance")).appendingPathComponent(
            "promql")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }

    @Test func prometheusOwnScriptsPass() async throws {
        guard let folder = ConformanceTests.folder else {
            print("PromQL conformance scripts are absent: skipped")
            return
        }
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "test" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
        let verbose = ProcessInfo.processInfo.environment["NEEDLETAIL_VERBOSE"] != nil
        for file in files {
            let name = file.lastPathComponent
            do {
                let report = try await PromQLTestRunner.run(script: try String(contentsOf: file, encoding: .utf8))
                print("\(name): \(report.passed) of \(report.evaluations) pass")
                if verbose { for failure in report.failures { print("  \(name) \(failure)") } }
                let minimum = ConformanceTests.minimumPasses[name] ?? 0
                #expect(report.passed >= minimum, "\(name) passed \(minimum) before")
            } catch {
                Issue.record("\(name): \(error)")
            }
        }
    }
}
