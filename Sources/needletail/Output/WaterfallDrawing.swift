import Foundation
import Telemetry
import TraceQL
import Wire

/// A trace as text: a tree on the left, bars on the right.
struct WaterfallDrawing {
    private let trace: Trace
    private let waterfall: Waterfall
    private let width: Int
    private let showsAttributes: Bool

    init(trace: Trace, width: Int, showsAttributes: Bool) {
        self.trace = trace
        self.width = max(60, width)
        self.showsAttributes = showsAttributes
        waterfall = Waterfall(trace)
    }

    var lines: [String] {
        let services = Set(trace.spans.map(\.serviceName)).count
        let errors = waterfall.rows.count { $0.isError }
        var out = [
            Style.bold("trace \(trace.id.hex)"),
            "\(trace.rootServiceName): \(trace.rootName)  \(RFC3339.format(nanoseconds: trace.start))  "
                .withoutControls
                + "\(duration(trace.duration))  \(trace.spans.count) spans  \(services) services"
                + (errors > 0 ? "  " + Style.red("\(errors) errors") : ""),
            "",
        ]
        let labels = waterfall.rows.map { label($0) }
        let timeWidth = 9
        let labelWidth = min(labels.map(\.columns).max() ?? 0, max(30, width - timeWidth - 26))
        let barWidth = max(10, width - labelWidth - timeWidth - 6)
        for (row, label) in zip(waterfall.rows, labels) {
            let cut = fitted(label, labelWidth)
            let time = duration(row.duration)
            let padded = String(repeating: " ", count: max(0, timeWidth - time.columns)) + time
            var line = (row.isError ? Style.red(cut) : cut) + " " + padded + " " + bar(row, barWidth)
            if row.isGuilty { line += " " + Style.red("◀ guilty") }
            out.append(line)
            out += details(row)
        }
        return out
    }

    private func label(_ row: Waterfall.Row) -> String {
        let mark = row.isError ? "✗ " : "  "
        let indent = String(repeating: "│ ", count: min(row.depth, 20))
        return mark + indent + (row.service + "  " + row.name).withoutControls
    }

    private func fitted(_ text: String, _ columns: Int) -> String {
        if text.columns <= columns { return text + String(repeating: " ", count: columns - text.columns) }
        var out = ""
        for character in text {
            if out.columns + String(character).columns > columns - 1 { break }
            out.append(character)
        }
        return out + "…" + String(repeating: " ", count: max(0, columns - out.columns - 1))
    }

    private func bar(_ row: Waterfall.Row, _ columns: Int) -> String {
        let whole = Double(max(1, trace.duration))
        let start = min(columns - 1, max(0, Int(Double(row.offset) / whole * Double(columns))))
        let length = max(1, min(columns - start, Int((Double(row.duration) / whole * Double(columns)).rounded())))
        let piece = String(repeating: row.isOnCriticalPath ? "█" : "▒", count: length)
        let rest = String(repeating: " ", count: columns - start - length)
        return String(repeating: " ", count: start) + (row.isError ? Style.red(piece) : Style.blue(piece)) + rest
    }

    /// What explains a span: why it failed, where it links to, and its attributes when they are wanted.
    private func details(_ row: Waterfall.Row) -> [String] {
        let span = trace.spans[row.span]
        let indent = "    " + String(repeating: "│ ", count: min(row.depth, 20))
        var out: [String] = []
        if row.isError && !span.statusMessage.isEmpty {
            out.append(indent + Style.red(span.statusMessage.withoutControls))
        }
        if row.isError {
            for event in span.events where event.name == "exception" {
                func field(_ key: String) -> String { event.attributes.first { $0.key == key }?.value.text ?? "" }
                let type = field("exception.type")
                // What the status says already is not said twice.
                let isKnown = !span.statusMessage.isEmpty && span.statusMessage.hasSuffix(field("exception.message"))
                let text =
                    isKnown ? "" : type.isEmpty ? field("exception.message") : "\(type): \(field("exception.message"))"
                if !text.isEmpty { out.append(indent + Style.red(text.withoutControls)) }
            }
        }
        for link in row.links {
            out.append(indent + "→ linked to span \(link.spanID.hex) of needletail trace \(link.traceID.hex)")
        }
        if showsAttributes {
            for attribute in span.attributes {
                out.append(indent + Style.dim("\(attribute.key) = \(attribute.value.text)".withoutControls))
            }
        }
        return out
    }

    private func duration(_ nanoseconds: Int64) -> String {
        let value = Double(nanoseconds)
        if nanoseconds < 1000 { return "\(nanoseconds)ns" }
        if value < 1e6 { return String(format: "%.1fµs", value / 1e3) }
        if value < 1e9 { return String(format: "%.1fms", value / 1e6) }
        return String(format: "%.2fs", value / 1e9)
    }

    var csvRows: [[String]] {
        waterfall.rows.map { row in
            let span = trace.spans[row.span]
            return [
                String(format: "%.3f", Double(row.offset) / 1e6), String(format: "%.3f", Double(row.duration) / 1e6),
                "\(row.depth)",
                row.service, row.name, row.isError ? "error" : "ok", span.spanID.hex, "\(row.isGuilty)",
            ]
        }
    }
}
