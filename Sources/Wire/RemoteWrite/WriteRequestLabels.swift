import Telemetry

/// The label sets of a 1.0 request, parsed one by one when asked for.
struct WriteRequestLabels: SeriesLabelSource {
    let bytes: [UInt8]
    /// Where each series' message lies.
    let messages: [MessageRange]

    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        guard messages.indices.contains(index) else { throw InvalidSeries("the request has no series \(index)") }
        var labels = WrittenLabels()
        do { try collect(messages[index].range, into: &labels) } catch {
            throw InvalidSeries("the labels of series \(index) cannot be read: \(error)")
        }
        return try labels.checked()
    }

    /// For sentences about a series.
    func description(ofSeries index: Int) -> String {
        var labels = WrittenLabels()
        guard messages.indices.contains(index), (try? collect(messages[index].range, into: &labels)) != nil else {
            return "series \(index)"
        }
        return labels.description
    }

    private func collect(_ message: Range<Int>, into labels: inout WrittenLabels) throws(WireError) {
        var cursor = ProtobufCursor(message, in: 1)
        while try cursor.next(bytes) {
            guard cursor.field == 1 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let pair = try WriteRequestLabels.pair(bytes, inner)
            labels.append(bytes, name: pair.name, value: pair.value)
        }
    }

    static func pair(
        _ bytes: [UInt8], _ message: ProtobufCursor
    ) throws(WireError) -> (name: Range<Int>, value: Range<Int>) {
        var cursor = message
        var name = 0..<0
        var value = 0..<0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: name = try cursor.range(bytes) ?? name
            case 2: value = try cursor.range(bytes) ?? value
            default: try cursor.skip(bytes)
            }
        }
        return (name, value)
    }
}

/// The labels of one series as they stand in a request: in any order, perhaps wrong.
struct WrittenLabels {
    private var builder = LabelBuilder()
    private var defect: String?

    mutating func append(_ bytes: [UInt8], name: Range<Int>, value: Range<Int>) {
        if name.isEmpty { defect = defect ?? "a label has no name" }
        if !UTF8Text.isValid(bytes, name) || !UTF8Text.isValid(bytes, value) {
            defect = defect ?? "a label is not UTF-8"
        }
        builder.append(bytes, name: name, value: value)
    }

    /// The label set; throws with what is wrong and the labels in which it is.
    mutating func checked() throws(InvalidSeries) -> LabelSet {
        if !builder.finish() { defect = defect ?? "a label name stands twice" }
        let labels = builder.labelSet
        if labels.valueRange(of: "__name__") == nil { defect = defect ?? "the metric name is missing" }
        if let defect { throw InvalidSeries("\(defect) in \(WrittenLabels.shortened(labels))") }
        return labels
    }

    var description: String {
        mutating get {
            _ = builder.finish()
            return WrittenLabels.shortened(builder.labelSet)
        }
    }

    private static func shortened(_ labels: LabelSet) -> String {
        let text = labels.description
        return text.utf8.count > 200 ? String(text.prefix(200)) + "…" : text
    }
}
