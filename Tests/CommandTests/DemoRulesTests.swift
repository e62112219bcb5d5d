import Foundation
import Testing

@testable import needletail

struct DemoRulesTests {
    @Test func `The rules in the program are those of Alerts/demo.yml`() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = try String(contentsOf: root.appending(path: "Alerts/demo.yml"), encoding: .utf8)
        // The literal ends without the file's last line end.
        #expect(file == DemoRules.text + "\n")
    }
}
