import Telemetry
import Wire

/// Labels of a scrape's series, for the store that does not know some of them: read again from the answer's own text.
struct ScrapedSeries: SeriesLabelSource {
    let labeler: SeriesLabeler
    /// This scrape's answer, and the one before, of which series vanished.
    let columns: ExpositionColumns
    let previous: ExpositionColumns
    /// Of each series of the batch, in order: a row of the answer, ...
    var rows: [UInt32] = []
    /// ... then rows of the answer before, ...
    var vanished: [UInt32] = []
    /// ... then series whose labels are at hand.
    var others: [LabelSet] = []
    /// Series that are new in this scrape, as far as they were kept; ascending.
    var fresh: [(index: UInt32, labels: LabelSet)] = []

    /// More new series than this in one scrape are read twice.
    static let mostFresh = 1 << 14

    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        if index < rows.count {
            if let known = freshLabels(index) { return known }
            return try stored(columns, rows[index])
        }
        let place = index - rows.count
        if place < vanished.count { return try stored(previous, vanished[place]) }
        guard place - vanished.count < others.count else { throw InvalidSeries("the scrape has no series \(index)") }
        return others[place - vanished.count]
    }

    private func stored(_ columns: ExpositionColumns, _ row: UInt32) throws(InvalidSeries) -> LabelSet {
        guard let exposed = columns.labels(ofRow: Int(row)) else {
            throw InvalidSeries("the answer that spelled the series is gone")
        }
        do {
            if let labels = try labeler.stored(exposed) { return labels }
        } catch {
            throw InvalidSeries(error.description)
        }
        throw InvalidSeries("relabelling drops \(exposed)")
    }

    private func freshLabels(_ index: Int) -> LabelSet? {
        var (low, high) = (0, fresh.count)
        while low < high {
            let middle = (low + high) / 2
            if fresh[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low < fresh.count && fresh[low].index == index ? fresh[low].labels : nil
    }
}
