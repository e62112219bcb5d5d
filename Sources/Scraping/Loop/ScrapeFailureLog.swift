import Foundation
import Synchronization
import Telemetry
import Wire

/// `scrape_failure_log_file`: one line of JSON for each scrape that failed. Files are opened for each line, so that they can be
/// rotated under us.
final class ScrapeFailureLog: Sendable {
    /// One writer at a time keeps lines whole.
    private let lock = Mutex(())

    func write(_ failure: String, to path: String, job: String, url: String, now: Int64) {
        var json = JSONWriter()
        json.beginObject()
        json.field("time", RFC3339.format(milliseconds: now))
        json.field("level", "ERROR")
        json.field("msg", failure)
        json.field("job_name", job)
        json.field("target", url)
        json.endObject()
        let line = json.bytes + [0x0a]
        lock.withLock { _ in
            // Not worth failing a scrape for: the same failure is in the log and on the targets page.
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil)
            }
            guard let file = FileHandle(forWritingAtPath: path) else { return }
            defer { try? file.close() }
            _ = try? file.seekToEnd()
            try? file.write(contentsOf: line)
        }
    }
}
