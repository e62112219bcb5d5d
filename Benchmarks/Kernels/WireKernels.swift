import Foundation
import ShopLogs
import Wire

/// The readers of what shippers send against Foundation's parser of the same bytes, which makes dictionaries of them and
/// no batch yet. Syslog is against splitting text at spaces.
enum WireKernels {
    private struct Lines {
        var texts: [String] = []
        var times: [Int64] = []
        var bytes = 0

        init() {
            var options = ShopLogs.Options()
            options.lines = 20_000
            var logs = ShopLogs(options)
            let batch = logs.batch(options.lines)
            var start = 0
            for line in 0..<batch.count {
                // A line of several rows is no line of these formats.
                let text = String(decoding: batch.bytes[start..<batch.ends[line]], as: UTF8.self)
                texts.append(text.replacing("\n", with: " "))
                times.append(batch.timestamps[line])
                start = batch.ends[line]
            }
            bytes = start
        }
    }

    static func run() throws {
        let lines = Lines()
        let raw = Double(lines.bytes)
        let now = lines.times.last ?? 0
        let count = lines.texts.count

        let push = try JSONSerialization.data(withJSONObject: [
            "streams": [
                ["stream": ["app": "shop"], "values": zip(lines.times, lines.texts).map { ["\($0)", $1] }]
            ]
        ])
        let pushed = Array(push)
        guard try LokiPush.decode(json: pushed, now: now).batch.rowCount == count else {
            throw KernelError("a push of \(count) lines was not taken whole")
        }
        let loki = try Measure.best { _ = try LokiPush.decode(json: pushed, now: now) }
        let parsed = try Measure.best { _ = try JSONSerialization.jsonObject(with: push) }
        Measure.row("Loki push in JSON | JSONSerialization", loki / raw, parsed / raw, unit: "ns/kB", scale: 1e12)

        let objects = try zip(lines.times, lines.texts).map { time, text in
            try JSONSerialization.data(withJSONObject: [
                "@timestamp": time / 1_000_000, "message": text, "host": "shop-1", "level": "info",
            ])
        }
        var bulk: [UInt8] = []
        var jsonLines: [UInt8] = []
        for object in objects {
            bulk += Array(#"{"create":{"_index":"shop"}}"#.utf8) + [0x0a] + object + [0x0a]
            jsonLines += object + [0x0a]
        }
        guard try BulkDecoder.decode(bulk, index: nil, now: now).items.count == count,
            JSONLines.decode(jsonLines, now: now).accepted == count
        else { throw KernelError("not all of \(count) documents were taken") }
        let serialization = try Measure.best {
            for object in objects { _ = try JSONSerialization.jsonObject(with: object) }
        }
        let elastic = try Measure.best { _ = try BulkDecoder.decode(bulk, index: nil, now: now) }
        Measure.row(
            "Elasticsearch's bulk | JSONSerialization", elastic / raw, serialization / raw, unit: "ns/kB", scale: 1e12)
        let plain = Measure.best { _ = JSONLines.decode(jsonLines, now: now) }
        Measure.row("JSON lines | JSONSerialization", plain / raw, serialization / raw, unit: "ns/kB", scale: 1e12)
        try syslog(lines, raw)
    }

    private static func syslog(_ lines: Lines, _ raw: Double) throws {
        // A while behind the time in the messages: what is from the future is not taken.
        let now: Int64 = 1_795_400_000_000_000_000
        let messages = lines.texts.map { "<134>1 2026-11-21T22:14:15.003Z host-1 shop 4711 ID47 - \($0)" }
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for message in messages {
            let start = bytes.count
            bytes += Array(message.utf8)
            ranges.append(start..<bytes.count)
        }
        var rows = 0
        let ours = Measure.best {
            var decoder = SyslogDecoder(now: now, zone: 0)
            for range in ranges { decoder.add(bytes, range) }
            rows = decoder.rowCount
        }
        guard rows == messages.count else { throw KernelError("\(rows) syslog messages of \(messages.count)") }
        var fields = 0
        let split = Measure.best {
            fields = 0
            for message in messages { fields += message.split(separator: " ", maxSplits: 7).map(String.init).count }
        }
        Measure.row("syslog | text split at spaces", ours / raw, split / raw, unit: "ns/kB", scale: 1e12)
    }
}
