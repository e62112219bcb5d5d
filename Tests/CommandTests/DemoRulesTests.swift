import Foundation
import Testing

@testable import needletail

struct DemoRulesTests {
    @Test func theRulesInTheProgramAreThoseOfTheAlertsFolder() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = try String(contentsOf: root.appendingPathComponent("Alerts/demo.yml"), encoding: .utf8)
        #expect(file == DemoRules.text)
    }
}
