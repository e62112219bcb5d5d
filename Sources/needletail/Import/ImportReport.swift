import Foundation
import Glibc
import Telemetry
import Wire

/// Counts of an import, and what a person should know of it.
struct ImportReport {
    var blocks = 0
    var superseded = 0
    var blockSeries = 0
    private(set) var headSeries = 0
    private(set) var samples = 0
    private(set) var histograms = 0
    private(set) var exemplars = 0
    var deleted = 0
    var rejected: [String: Int] = [:]
    var firstRejection: String?
    private var skipped: [String: Int] = [:]
    private var damage: [String] = []
    private var damageCount = 0
    private var notes: [String] = []
    private var minTime = Int64.max
    private var maxTime = Int64.min
    private let began = ContinuousClock.now

    mutating func count(_ found: FolderSamples) {
        samples += found.timestamps.count
        histograms += found.histogramTimestamps.count
        for times in [found.timestamps, found.histogramTimestamps] {
            guard let first = times.first, let last = times.last else { continue }
            minTime = min(minTime, first)
            maxTime = max(maxTime, last)
        }
    }

    mutating func take(_ head: HeadSink) {
        headSeries = head.seriesCount
        samples += head.samples
        histograms += head.histograms
        exemplars += head.exemplars
        deleted += head.deleted
        skipped.merge(head.skippedReasons) { $0 + $1 }
        minTime = min(minTime, head.minTime)
        maxTime = max(maxTime, head.maxTime)
    }

    mutating func leaveOut(_ sentence: String) {
        damageCount += 1
        if damage.count < 20 { damage.append(sentence) }
    }

    mutating func note(_ sentence: String) { notes.append(sentence) }

    /// Standard output has the counts, standard error what is worth a look.
    func print() {
        var table = Table("WHAT", "COUNT", numeric: [1])
        func row(_ name: String, _ count: Int, always: Bool = false) {
            if count > 0 || always { table.rows.append([name, "\(count)"]) }
        }
        row("blocks", blocks, always: true)
        row("blocks that others replace", superseded)
        row("series of blocks, summed up", blockSeries)
        row("series of the log", headSeries)
        row("samples", samples, always: true)
        row("native histograms", histograms, always: true)
        row("exemplars", exemplars)
        row("deleted samples left out", deleted)
        for (reason, count) in rejected.sorted(by: { $0.key < $1.key }) { row("refused: \(reason)", count) }
        for (reason, count) in skipped.sorted(by: { $0.key < $1.key }) { row("skipped: \(reason)", count) }
        row("damaged pieces left out", damageCount)
        table.print()
        if minTime <= maxTime {
            Terminal.line("from \(ImportReport.text(minTime)) to \(ImportReport.text(maxTime))")
        }
        let seconds = Double((ContinuousClock.now - began).components.seconds)
        Terminal.complain("took \(ImportProgress.text(seconds: seconds))")
        for sentence in notes + damage { Terminal.complain(sentence) }
        if let firstRejection { Terminal.complain("refused first: \(firstRejection)") }
        let age = Int64(Date().timeIntervalSince1970 * 1000) - minTime
        if minTime <= maxTime, age > 15 * 86_400_000 {
            Terminal.complain(
                "the oldest sample is \(age / 86_400_000) days old: a server keeps 15 days unless its configuration "
                    + "says more (retention: {metrics: 400d})")
        }
    }

    private static func text(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).ISO8601Format()
    }
}

/// A line on standard error that is written over on a terminal, and one line every ten seconds elsewhere.
struct ImportProgress {
    /// Bytes to read, and read.
    var total = 0
    var done = 0
    var blocksDone = 0
    private let blocks: Int
    private let isQuiet: Bool
    private let isInteractive = isatty(STDERR_FILENO) == 1
    private let began = ContinuousClock.now
    private var shown: ContinuousClock.Instant

    init(blocks: Int, isQuiet: Bool) {
        self.blocks = blocks
        self.isQuiet = isQuiet
        shown = began
    }

    mutating func show(_ report: ImportReport) {
        let now = ContinuousClock.now
        guard !isQuiet, now - shown > (isInteractive ? .milliseconds(200) : .seconds(10)) else { return }
        shown = now
        let parts = (now - began).components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let count = report.samples + report.histograms
        let left = share > 0.01 ? ImportProgress.text(seconds: seconds / share * (1 - share)) : "?"
        let facts =
            "\(Int(share * 100)) %  blocks \(blocksDone)/\(blocks)  series \(report.blockSeries + report.headSeries)  "
            + "samples \(ImportProgress.short(Double(count)))  "
            + "\(ImportProgress.short(Double(count) / max(seconds, 0.001)))/s  \(left) left"
        if isInteractive {
            let filled = Int(share * 24)
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
            FileHandle.standardError.write(Data("\r\u{1b}[K[\(bar)] \(facts)".utf8))
        } else {
            Terminal.complain(facts)
        }
    }

    func end() {
        if isInteractive, !isQuiet { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    }

    static func short(_ number: Double) -> String {
        switch number {
        case 1e9...: String(format: "%.2f G", number / 1e9)
        case 1e6...: String(format: "%.1f M", number / 1e6)
        case 1e4...: String(format: "%.0f k", number / 1e3)
        default: String(format: "%.0f", number)
        }
    }

    static func text(seconds: Double) -> String {
        let whole = seconds.isFinite ? Int(min(seconds, 1e7)) : 0
        return whole >= 3600
            ? "\(whole / 3600) h \(whole % 3600 / 60) min"
            : whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
    }
}
