/// Values cut at their line feeds.
struct MultilineParts {
    var lines: [TextSlice] = []
    /// Row of the block that each line is from.
    var rows: [UInt32] = []
    /// Lines of each value.
    var counts: [Int64] = []

    /// nil where most values have one line.
    init?(_ text: Span<UInt8>, _ values: [TextSlice], rows valueRows: [UInt32]) {
        for (number, value) in values.enumerated() {
            var start = value.lower
            var count: Int64 = 1
            for at in value.lower..<value.upper where text[at] == 0x0a {
                lines.append(TextSlice(start, at))
                rows.append(valueRows[number])
                start = at &+ 1
                count &+= 1
            }
            lines.append(TextSlice(start, value.upper))
            rows.append(valueRows[number])
            counts.append(count)
        }
        guard lines.count >= values.count * 2 else { return nil }
    }
}
