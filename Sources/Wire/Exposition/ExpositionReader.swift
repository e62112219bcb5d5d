import Codecs
import Telemetry

/// Reads a target's answers, one after the other, and pays for a series only when it is new.
///
/// A target mostly says what it said before, in the order it said it: each line is first compared, byte for byte, with
/// the line that came at this place in the last scrape; where that fails, its spelling is looked up by a hash; and
/// only where that fails too, names and labels are read and checked. Lines about metadata that have not changed are
/// not read at all.
package struct ExpositionReader: Sendable {
    /// How many scrapes a spelling may be absent before it is forgotten.
    private static let patience: UInt32 = 3
    /// A larger answer is not kept for the next scrape to compare with.
    private static let longestKept = 64 << 20

    /// How many spellings are remembered; rows of others have numbers from here on and are fresh in every scrape.
    package let capacity: Int
    /// What the target says about its metrics, by family.
    package private(set) var metadata: [String: MetricMetadata] = [:]
    private var pendingMetadata: [String: MetricMetadata] = [:]
    private var table: SpellingTable
    private var last = ExpositionColumns()
    /// Where the series of the last good scrape are spelled; without text where that was too long to keep.
    package var lastColumns: ExpositionColumns { last }
    private let seed: UInt64
    private var scrape: UInt32 = 0
    private var absent: [(spelling: UInt32, seen: UInt32)] = []

    package init(capacity: Int, seed: UInt64) {
        self.capacity = max(0, min(capacity, 1 << 30))
        self.seed = seed
        table = SpellingTable(capacity: self.capacity)
    }

    /// How many spellings are remembered.
    package var rememberedSpellings: Int { table.count }

    /// Reads one answer. What it says must be given to ``keep(_:)`` or ``discard(_:)`` before the next.
    /// `defaultTimestamp` (milliseconds) stamps exemplars that have no time of their own.
    package mutating func read(
        _ body: [UInt8], format: ExpositionFormat, histograms: HistogramReading = HistogramReading(),
        defaultTimestamp: Int64
    ) throws(WireError) -> ExpositionColumns {
        scrape &+= 1
        if format != last.format { forgetOrder() }
        var scanner = ExpositionScanner(
            body: body, last: last, format: format, histograms: histograms, defaultTimestamp: defaultTimestamp,
            seed: seed, scrape: scrape, capacity: capacity)
        swap(&scanner.table, &table)
        scanner.metadata = metadata
        defer { swap(&scanner.table, &table) }
        do {
            try scanner.run()
        } catch {
            for row in scanner.out.fresh { scanner.forget(row) }
            throw error
        }
        pendingMetadata = scanner.metadata
        return scanner.finished()
    }

    /// The scrape was good: its lines are what the next is compared with. Answers the spellings that are forgotten;
    /// their numbers may mean others from now on.
    package mutating func keep(_ columns: ExpositionColumns) -> [UInt32] {
        metadata = pendingMetadata
        if !columns.isInOrder || columns.rows.count != last.rows.count {
            for index in columns.rows.indices where Int(columns.rows[index].spelling) < capacity {
                table.setRow(columns.rows[index].spelling, index)
            }
            for row in last.rows where Int(row.spelling) < capacity {
                let seen = table.seen[Int(row.spelling)]
                if seen != scrape { absent.append((row.spelling, seen)) }
            }
        }
        last = columns
        last.values = []
        last.timestamps = []
        last.startTimestamps = []
        last.exemplars = []
        last.histograms = []
        last.metadata = []
        last.fresh = []
        if last.text.count > ExpositionReader.longestKept { forgetOrder() }
        return absent.isEmpty ? [] : forgetAbsent()
    }

    /// The scrape was bad: nothing of it is remembered.
    package mutating func discard(_ columns: ExpositionColumns) {
        for row in columns.fresh where Int(columns.rows[Int(row)].spelling) < capacity {
            table.remove(columns.rows[Int(row)].spelling)
        }
    }

    private mutating func forgetOrder() {
        // The rows are needed still, to find out which spellings went away.
        last.text = []
        last.comments = []
    }

    private mutating func forgetAbsent() -> [UInt32] {
        var forgotten: [UInt32] = []
        var waiting: [(spelling: UInt32, seen: UInt32)] = []
        let isCrowded = table.count > capacity / 2
        for entry in absent {
            let seen = table.seen[Int(entry.spelling)]
            if seen == scrape { continue }
            if isCrowded || scrape &- seen > ExpositionReader.patience {
                if table.remove(entry.spelling) { forgotten.append(entry.spelling) }
            } else {
                waiting.append((entry.spelling, seen))
            }
        }
        absent = waiting
        return forgotten
    }
}
