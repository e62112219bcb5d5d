import Synchronization

/// What the agent counts, for `/metrics` and for the line of status in the log.
package struct AgentCounters: Sendable, Hashable {
    package var lines = 0
    package var bytesRead = 0
    package var entries = 0
    package var dropped = 0
    package var cutLines = 0
    package var truncations = 0
    package var rotations = 0
    package var unreadable = 0
    package var openFiles = 0
    package var bytesBehind = 0
    /// Why no file is read just now: the spool is full, or the disk refuses.
    package var isBlocked = false
    package var batchesStored = 0
    package var batchesSent = 0
    package var entriesSent = 0
    /// Of the requests as they were sent.
    package var bytesSent = 0
    package var retries = 0
    package var batchesRefused = 0
    package var entriesRefused = 0
    package var lastError = ""

    package init() {}

    /// Prometheus' text format.
    package func exposition(ledger: SpoolLedger) -> String {
        var out = ""
        func metric(_ name: String, _ type: String, _ help: String, _ value: Int) {
            out += "# HELP needletail_agent_\(name) \(help)\n# TYPE needletail_agent_\(name) \(type)\n"
            out += "needletail_agent_\(name) \(value)\n"
        }
        metric("read_lines_total", "counter", "Lines read from files and entries of journals.", lines)
        metric("read_bytes_total", "counter", "Bytes read from files and journals.", bytesRead)
        metric("entries_total", "counter", "Entries put into batches.", entries)
        metric("dropped_entries_total", "counter", "Entries that a stage dropped.", dropped)
        metric("cut_lines_total", "counter", "Lines that were longer than max_line and were cut.", cutLines)
        metric("file_truncations_total", "counter", "Files that were truncated while they were read.", truncations)
        metric("file_rotations_total", "counter", "Files whose name went to another file.", rotations)
        metric("unreadable_files_total", "counter", "Attempts to open a file that failed.", unreadable)
        metric("open_files", "gauge", "Files that are tailed.", openFiles)
        metric("behind_bytes", "gauge", "Bytes of files that are not read yet.", bytesBehind)
        metric("blocked", "gauge", "1 where reading waits for room in the spool.", isBlocked ? 1 : 0)
        metric("spool_bytes", "gauge", "Bytes of the spool on disk.", ledger.bytes)
        metric("spool_batches", "gauge", "Batches that wait for the server.", ledger.waiting)
        metric("spool_problems_total", "counter", "Damaged records found in the spool.", ledger.problemCount)
        metric("sent_batches_total", "counter", "Batches that the server acknowledged.", batchesSent)
        metric("sent_entries_total", "counter", "Entries that the server acknowledged.", entriesSent)
        metric("sent_bytes_total", "counter", "Bytes of the acknowledged requests.", bytesSent)
        metric("send_retries_total", "counter", "Attempts to send that failed and are repeated.", retries)
        metric("refused_batches_total", "counter", "Batches that the server refused for good.", batchesRefused)
        metric("refused_entries_total", "counter", "Entries of refused batches.", entriesRefused)
        return out
    }
}

/// The counters, shared by the thread that reads and the task that sends.
package final class AgentStatistics: Sendable {
    private let counters = Mutex(AgentCounters())

    package init() {}

    package var now: AgentCounters { counters.withLock { $0 } }

    func update(_ body: (inout AgentCounters) -> Void) { counters.withLock { body(&$0) } }
}
