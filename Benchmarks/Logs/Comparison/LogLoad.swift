import BenchmarkSupport
import Codecs
import Foundation
import ShopLogs
import Wire

/// Every push of a run, encoded before anything is timed, in one temporary file that is mapped for sending.
///
/// They are Loki's snappy-compressed protobuf, which all the servers read, a thousand lines each.
final class LogLoad: Sendable {
    let options: ShopLogs.Options
    let needles: [ShopLogs.Needle]
    /// Bytes of the lines alone.
    let rawBytes: Int
    private let ranges: [Range<Int>]
    private let base: Int
    let byteCount: Int

    var requests: Int { ranges.count }
    var end: Int64 { options.start + options.span + 60_000_000_000 }

    init(_ options: ShopLogs.Options, perRequest: Int, folder: URL, progress: (String) -> Void) throws {
        self.options = options
        var logs = ShopLogs(options)
        needles = logs.needles
        let path = folder.appendingPathComponent("pushes.bin").path
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw BenchmarkError("cannot make \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let labels = logs.streams.map { stream in
            "{" + stream.labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ") + "}"
        }
        var ranges: [Range<Int>] = []
        var size = 0
        var raw = 0
        while true {
            let batch = logs.batch(perRequest)
            if batch.count == 0 { break }
            raw += batch.bytes.count
            let body = Snappy.compress(LogLoad.encode(batch, labels))
            try body.withUnsafeBytes { try writeFully(file, $0) }
            ranges.append(size..<size + body.count)
            size += body.count
            if ranges.count % 500 == 0 { progress("encoded \(ranges.count * perRequest) lines, \(raw >> 20) MiB") }
        }
        self.ranges = ranges
        byteCount = size
        rawBytes = raw
        let map = mmap(nil, max(size, 1), PROT_READ, MAP_SHARED, file, 0)
        guard let map, map != MAP_FAILED else { throw BenchmarkError("cannot map \(path)") }
        base = Int(bitPattern: map)
        unlink(path)
    }

    deinit { munmap(UnsafeMutableRawPointer(bitPattern: base), max(byteCount, 1)) }

    /// Valid as long as the load lives.
    func body(_ number: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: base + ranges[number].lowerBound), count: ranges[number].count)
    }

    /// `PushRequest` of Loki's `push.proto`: streams of labels and entries.
    private static func encode(_ batch: ShopLogs.Batch, _ labels: [String]) -> [UInt8] {
        var rows = [[Int]](repeating: [], count: labels.count)
        for (row, stream) in batch.streams.enumerated() { rows[stream].append(row) }
        var request = ProtobufWriter()
        for (stream, rows) in rows.enumerated() where !rows.isEmpty {
            var one = ProtobufWriter()
            one.string(1, labels[stream])
            for row in rows {
                var time = ProtobufWriter()
                time.varint(1, batch.timestamps[row] / 1_000_000_000)
                time.varint(2, batch.timestamps[row] % 1_000_000_000)
                var entry = ProtobufWriter()
                entry.data(1, time.bytes)
                entry.data(2, batch.bytes[(row > 0 ? batch.ends[row - 1] : 0)..<batch.ends[row]])
                one.data(2, entry.bytes)
            }
            request.data(1, one.bytes)
        }
        return request.bytes
    }
}
