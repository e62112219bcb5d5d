import Foundation
import Logging
import Storage
import TestSupport
import Testing

@testable import Server

@Suite struct DocumentWindowTests {
    @Test func `ids of the last two generations are known, after a restart too, and older ones leave the disk`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder.path + "/data"
            func documents(_ range: Range<UInt64>) -> [NamedDocument] {
                range.map { NamedDocument(identity: $0 &* 0x9e37_79b9_7f4a_7c15, document: $0 << 40 | 7) }
            }
            var next: UInt64 = 1
            for round in 0..<4 {
                let data = try DataFolder(opening: path)
                let window = DocumentWindow(
                    folder: data, options: JournalOptions(),
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                    generation: 100)
                let known = await window.known()
                // Two whole generations at most, and never less than one.
                for one in documents((next > 100 ? next - 100 : 1)..<next) {
                    #expect(known(one.identity) == one.document, "round \(round)")
                }
                if next > 300 { #expect(documents(1..<next - 300).allSatisfy { known($0.identity) == nil }) }
                for _ in 0..<7 {
                    await window.remember(documents(next..<next + 30))
                    next += 30
                }
                #expect(known(next &* 5) == nil)
                await window.close()
                let journal = path + "/" + DocumentWindow.folder
                let names = try FileManager.default.contentsOfDirectory(atPath: journal)
                #expect(names.count <= 6, "round \(round): \(names)")
                try data.close()
            }
        }
    }
}
