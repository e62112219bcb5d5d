import Foundation
import Telemetry

/// One line of a plot.
struct PlottedSeries {
    var name: String
    /// Seconds since 1970 and finite values, in the order of time.
    var points: [(time: Double, value: Double)]
    /// Points that cannot be drawn: NaN and infinities.
    var undrawn = 0

    /// Of histograms the mean of their observations is drawn.
    static func read(_ answer: MetricAnswer.Envelope) -> [PlottedSeries] {
        guard case .series(let all) = answer.data.result else { return [] }
        return all.map { one in
            var series = PlottedSeries(name: LabelSet(one.metric).description, points: [])
            for point in one.values ?? [] {
                if let value = Double(point.value), value.isFinite {
                    series.points.append((point.time, value))
                } else {
                    series.undrawn += 1
                }
            }
            for point in one.histograms ?? [] {
                guard let count = Double(point.body.count), let sum = Double(point.body.sum), (sum / count).isFinite
                else {
                    series.undrawn += 1
                    continue
                }
                series.points.append((point.time, sum / count))
            }
            series.points.sort { $0.time < $1.time }
            return series
        }
    }
}

/// A range query drawn with characters: lines in braille dots, axes, and a legend with the numbers.
struct Plot {
    var series: [PlottedSeries]
    /// Seconds since 1970.
    var start: Double
    var end: Double
    /// Points farther apart than this are not joined: there is nothing between them.
    var step: Double
    var unit: MetricUnit

    /// More lines than this cannot be told apart.
    static let mostLines = 12
    private static let markers: [Character] = ["●", "▲", "■", "◆", "○", "△", "□", "◇", "✚", "★", "▼", "✖"]
    /// Of the 256 that nearly every terminal has, well apart on light and dark ground.
    private static let colours = [39, 208, 34, 197, 141, 220, 44, 171, 118, 203, 69, 245]

    func drawn(width: Int, height: Int, hasColour: Bool) -> String {
        let lines = Array(series.prefix(Plot.mostLines))
        let values = lines.flatMap { $0.points.map { $0.value } }
        guard let low = values.min(), let high = values.max() else { return legend(lines, width, hasColour) }
        let ticks = ticks(low, high, rows: height)
        let scale = unit.scale(for: max(ticks.last?.magnitude ?? 0, ticks.first?.magnitude ?? 0))
        let labels = ticks.map { MetricUnit.digits($0 / scale.divisor) + scale.suffix }
        let margin = labels.map(\.columns).max() ?? 0
        var canvas = BrailleCanvas(columns: max(10, width - margin - 2), rows: max(2, height))
        let bottom = ticks.first ?? low
        let top = ticks.last ?? high
        for (number, one) in lines.enumerated() { draw(one, number, bottom, top, &canvas) }
        if lines.count > 1 {
            for (number, one) in lines.enumerated() { mark(one, number, bottom, top, lines.count, &canvas) }
        }
        var out = ""
        for row in 0..<canvas.rows {
            let at = ticks.indices.first { line(of: ticks[$0], bottom, top, canvas.rows) == row }
            let label = at.map { labels[$0] } ?? ""
            out += String(repeating: " ", count: margin - label.columns) + label + " " + (at == nil ? "│" : "┤")
            out += text(canvas, row, hasColour) + "\n"
        }
        out += timeAxis(margin, canvas.columns)
        return out + legend(lines, width, hasColour)
    }

    /// Round values around all points; from zero where that is near.
    private func ticks(_ low: Double, _ high: Double, rows: Int) -> [Double] {
        var low = low
        var high = high
        if low > 0, low < high * 0.4 { low = 0 }
        if low == high {
            let room = low == 0 ? 1 : low.magnitude * 0.1
            low = low > 0 && low - room < 0 ? 0 : low - (low == 0 ? 0 : room)
            high += room
        }
        let count = max(2, min(6, rows / 3))
        let scale = unit.scale(for: max(low.magnitude, high.magnitude)).divisor
        return PlotAxis.ticks(low / scale, high / scale, count: count, binary: unit.base == .bytes).map { $0 * scale }
    }

    private func line(of value: Double, _ bottom: Double, _ top: Double, _ rows: Int) -> Int {
        let share = top > bottom ? (value - bottom) / (top - bottom) : 0
        return min(rows - 1, max(0, Int((Double(rows * 4 - 1) * (1 - share)).rounded()) / 4))
    }

    private func place(
        _ point: (time: Double, value: Double), _ bottom: Double, _ top: Double, _ canvas: BrailleCanvas
    ) -> (x: Int, y: Int) {
        let across = end > start ? (point.time - start) / (end - start) : 0
        let up = top > bottom ? (point.value - bottom) / (top - bottom) : 0
        return (
            Int((min(1, max(0, across)) * Double(canvas.width - 1)).rounded()),
            Int(((1 - min(1, max(0, up))) * Double(canvas.height - 1)).rounded())
        )
    }

    private func draw(
        _ one: PlottedSeries, _ number: Int, _ bottom: Double, _ top: Double, _ canvas: inout BrailleCanvas
    ) {
        var before: (x: Int, y: Int)?
        var time = -Double.infinity
        for point in one.points {
            let here = place(point, bottom, top, canvas)
            if let before, point.time - time <= step * 1.5 {
                canvas.line(from: before, to: here, owner: number)
            } else {
                canvas.dot(here.x, here.y, owner: number)
            }
            before = here
            time = point.time
        }
    }

    /// Marks along the line, those of different lines in different columns.
    private func mark(
        _ one: PlottedSeries, _ number: Int, _ bottom: Double, _ top: Double, _ count: Int, _ canvas: inout BrailleCanvas
    ) {
        let distance = max(count * 3, 16)
        var next = number * distance / count
        for point in one.points {
            let here = place(point, bottom, top, canvas)
            guard here.x / 2 >= next else { continue }
            canvas.mark(here.x, here.y, Plot.markers[number % Plot.markers.count], owner: number)
            next = here.x / 2 + distance
        }
        guard next == number * distance / count, let last = one.points.last else { return }
        let here = place(last, bottom, top, canvas)
        canvas.mark(here.x, here.y, Plot.markers[number % Plot.markers.count], owner: number)
    }

    private func text(_ canvas: BrailleCanvas, _ row: Int, _ hasColour: Bool) -> String {
        var out = ""
        var owner = -1
        for column in 0..<canvas.columns {
            let (character, of) = canvas.character(column: column, row: row)
            if hasColour, of != owner {
                out += of < 0 ? "\u{1b}[0m" : Plot.colour(of)
                owner = of
            }
            out.append(character)
        }
        if hasColour, owner >= 0 { return out + "\u{1b}[0m" }
        // Blanks at the end of a line are nothing to see.
        while out.last == " " { out.removeLast() }
        return out
    }

    private static func colour(_ number: Int) -> String { "\u{1b}[38;5;\(colours[number % colours.count])m" }

    private func timeAxis(_ margin: Int, _ columns: Int) -> String {
        let range = max(1, end - start)
        let wanted = range > 86_400 ? 14 : 10
        let step = PlotAxis.timeStep(range, count: max(1, columns / wanted))
        let offset = PlotAxis.zoneOffset(start)
        var axis = [Character](repeating: "─", count: columns)
        var labels = [Character](repeating: " ", count: columns)
        var free = 0
        var time = ((start + offset) / step).rounded(.up) * step - offset
        while time <= end {
            let column = min(columns - 1, Int(((time - start) / range * Double(columns - 1)).rounded()))
            axis[column] = "┬"
            let text = Array(PlotAxis.timeText(time, step: step, range: range))
            let from = max(0, min(columns - text.count, column - text.count / 2))
            if from >= free {
                for (i, character) in text.enumerated() where from + i < columns { labels[from + i] = character }
                free = from + text.count + 1
            }
            time += step
        }
        var shown = String(labels)
        while shown.last == " " { shown.removeLast() }
        let indent = String(repeating: " ", count: margin + 1)
        return indent + "└" + String(axis) + "\n" + indent + " " + shown + "\n"
    }

    private func legend(_ lines: [PlottedSeries], _ width: Int, _ hasColour: Bool) -> String {
        var rows = [["", "LAST", "MIN", "MAX", "MEAN", "SERIES"]]
        for (number, one) in lines.enumerated() {
            let values = one.points.map { $0.value }
            let mean = values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
            let numbers = [values.last ?? .nan, values.min() ?? .nan, values.max() ?? .nan, mean]
            let marker = lines.count > 1 ? Plot.markers[number % Plot.markers.count] : "⠒"
            let note = one.undrawn > 0 ? " (\(one.undrawn) not drawn: NaN or infinite)" : ""
            rows.append([String(marker)] + numbers.map(unit.text) + [one.name.withoutControls + note])
        }
        let widths = (0..<5).map { column in rows.map { $0[column].columns }.max() ?? 0 }
        var out = ""
        for (index, row) in rows.enumerated() {
            var line = row[0] + String(repeating: " ", count: widths[0] - row[0].columns)
            if hasColour, index > 0 { line = Plot.colour(index - 1) + line + "\u{1b}[0m" }
            for column in 1..<5 { line += "  " + String(repeating: " ", count: widths[column] - row[column].columns) + row[column] }
            let room = max(20, width - widths.reduce(0, +) - 10)
            let name = row[5].columns > room ? row[5].prefix(room - 1) + "…" : row[5][...]
            out += line + "  " + name + "\n"
        }
        if series.count > lines.count {
            out += "and \(series.count - lines.count) more series: -o table has all, topk(\(Plot.mostLines), …) the largest\n"
        }
        return out
    }
}
