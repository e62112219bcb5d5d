/// What stands around lines in their streams, as `grep -C` shows it.
struct LogContext {
    private let source: LogSource
    private let count: Int
    /// Neighbours further away in time say nothing about a line.
    private static let reach: Int64 = 3_600_000_000_000

    init(_ source: LogSource, lines count: Int) {
        self.source = source
        self.count = count
    }

    func print(around hits: [LogLine], with printer: inout LinePrinter) async throws {
        printer.align(hits)
        var blocks: [[(line: LogLine, isHit: Bool)]] = []
        // Stream by stream, so that neighbours of two hits that overlap show once.
        for (stream, hits) in Dictionary(grouping: hits, by: \.stream).sorted(by: { LogContext.isBefore($0, $1) }) {
            var block: [(line: LogLine, isHit: Bool)] = []
            for hit in hits {
                let around = try await neighbours(of: hit, in: stream)
                if let last = block.last, let first = around.first, first.time > last.line.time {
                    blocks.append(block)
                    block = []
                }
                var known = Set(block.map(\.line.identity))
                for (place, entry) in block.enumerated() where entry.line.identity == hit.identity {
                    block[place].isHit = true
                }
                for line in around where known.insert(line.identity).inserted {
                    block.append((line, line.identity == hit.identity))
                }
            }
            blocks.append(block)
        }
        for (number, block) in blocks.enumerated() {
            if number > 0, printer.format == .table || printer.format == .raw { Terminal.line(Style.dim("--")) }
            for (line, isHit) in block { printer.print(line, mark: isHit) }
        }
    }

    private static func isBefore(_ a: (key: [String: String], value: [LogLine]), _ b: (key: [String: String], value: [LogLine])) -> Bool {
        (a.value.first?.time ?? 0) < (b.value.first?.time ?? 0)
    }

    /// Oldest first, the line itself among them.
    private func neighbours(of hit: LogLine, in stream: [String: String]) async throws -> [LogLine] {
        let selector = LogContext.selector(stream)
        // The line itself and those of its very time come with both.
        let before = try await source.fetch(
            selector, limit: min(count + 1, 5000), from: hit.time - LogContext.reach, to: hit.time + 1,
            direction: "backward")
        let after = try await source.fetch(
            selector, limit: min(count + 1, 5000), from: hit.time, to: hit.time + LogContext.reach,
            direction: "forward")
        var seen: Set<LogLine.Identity> = []
        var lines: [LogLine] = []
        for line in before.reversed() + [hit] + after where seen.insert(line.identity).inserted {
            lines.append(line.identity == hit.identity ? hit : line)
        }
        let order = lines.indices.sorted { (lines[$0].time, $0) < (lines[$1].time, $1) }.map { lines[$0] }
        guard let place = order.firstIndex(where: { $0.identity == hit.identity }) else { return order }
        return Array(order[max(0, place - count)...min(order.count - 1, place + count)])
    }

    static func selector(_ stream: [String: String]) -> String {
        let matchers = stream.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
        }
        return "{" + matchers.joined(separator: ", ") + "}"
    }
}

extension LogLine {
    /// The same line, whatever a query's parsers read from it.
    struct Identity: Hashable {
        var time: Int64
        var text: String
    }

    var identity: Identity { Identity(time: time, text: text) }
}
