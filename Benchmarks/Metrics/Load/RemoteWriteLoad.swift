import BenchmarkSupport
import Foundation
import Synchronization
import Telemetry

/// Every request of a run, encoded before anything is timed, in one temporary file that is mapped for sending.
final class RemoteWriteLoad: Sendable {
    struct Shape: Sendable {
        var series: Int
        var perInstance: Int
        var perRequest: Int
        var intervalMilliseconds: Int64
        var ticks: Int
        var seed: UInt64
        /// Milliseconds since 1970 before which the last sample lies.
        var end: Int64
    }

    let shape: Shape
    let slots: Int
    /// By tick, then slot.
    private let ranges: [Range<Int>]
    private let base: Int
    let byteCount: Int
    /// Of each counter of orders at its last sample: what an instant query must answer after a restart.
    let expectedOrders: Double

    var sampleCount: Int { shape.series * shape.ticks }
    var start: Int64 { shape.end - shape.intervalMilliseconds * Int64(shape.ticks) }

    init(_ shape: Shape, folder: URL, progress: (String) -> Void) throws {
        self.shape = shape
        let shop = Shop(
            series: shape.series, perInstance: shape.perInstance, intervalMilliseconds: shape.intervalMilliseconds,
            seed: shape.seed)
        let labels = Self.labels(shop)
        let templates = try stride(from: 0, to: labels.count, by: shape.perRequest).map {
            try RequestTemplate(Array(labels[$0..<min($0 + shape.perRequest, labels.count)]))
        }
        slots = templates.count
        let offsets = shop.instances.flatMap { Array(repeating: $0.offset, count: $0.seriesCount) }
        let path = folder.appendingPathComponent("requests.bin").path
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw BenchmarkError("cannot make \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }

        var values = shop.values()
        var ranges: [Range<Int>] = []
        var size = 0
        let first = shape.end - shape.intervalMilliseconds * Int64(shape.ticks)
        for tick in 0..<shape.ticks {
            if tick > 0 {
                for index in values.indices { values[index].step(seconds: Double(shape.intervalMilliseconds) / 1000) }
            }
            let column = values.flatMap(\.values)
            let base = first + shape.intervalMilliseconds * Int64(tick)
            for request in Self.encode(templates, perRequest: shape.perRequest, column, offsets, base) {
                try request.withUnsafeBytes { try writeFully(file, $0) }
                ranges.append(size..<size + request.count)
                size += request.count
            }
            if tick % 48 == 47 { progress("encoded \(tick + 1) of \(shape.ticks) scrapes, \(size >> 20) MiB") }
        }
        self.ranges = ranges
        byteCount = size
        let map = mmap(nil, max(size, 1), PROT_READ, MAP_SHARED, file, 0)
        guard let map, map != MAP_FAILED else { throw BenchmarkError("cannot map \(path)") }
        base = Int(bitPattern: map)
        unlink(path)
        let last = values.flatMap(\.values)
        expectedOrders = zip(labels, last).reduce(0) { $1.0.metricName == "shop_orders_total" ? $0 + $1.1 : $0 }
    }

    deinit { munmap(UnsafeMutableRawPointer(bitPattern: base), max(byteCount, 1)) }

    /// The body of a request; valid as long as the load lives.
    func body(tick: Int, slot: Int) -> UnsafeRawBufferPointer {
        let range = ranges[tick * slots + slot]
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base + range.lowerBound), count: range.count)
    }

    private static func labels(_ shop: Shop) -> [LabelSet] {
        var all: [LabelSet] = []
        for instance in shop.instances {
            instance.forEachSeries { name, own in
                all.append(LabelSet(instance.targetLabels + own + [Label("__name__", name)]))
            }
        }
        return all
    }

    private static func encode(
        _ templates: [RequestTemplate], perRequest: Int, _ column: [Double], _ offsets: [Int64], _ base: Int64
    ) -> [[UInt8]] {
        let results = Mutex([[UInt8]](repeating: [], count: templates.count))
        DispatchQueue.concurrentPerform(iterations: templates.count) { slot in
            let bytes = templates[slot].encode { index in
                let series = slot * perRequest + index
                return (column[series], base + offsets[series])
            }
            results.withLock { $0[slot] = bytes }
        }
        return results.withLock { $0 }
    }
}
