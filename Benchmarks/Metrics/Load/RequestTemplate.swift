import BenchmarkSupport
import Codecs
import Telemetry
import Wire

/// A remote write 1.0 request of fixed series, one sample each, encoded once by our own encoder; later requests differ
/// only in the bytes of values and timestamps, which are patched.
struct RequestTemplate: Sendable {
    private var bytes: [UInt8]
    /// Where each series' value stands; its timestamp stands nine bytes further.
    private let places: [Int]

    /// Any time from 1971 to 2109 has six bytes as a varint.
    private static let sampleTime: Int64 = 1_790_000_000_000

    init(_ series: [LabelSet]) throws {
        var batch = SeriesBatch()
        for (index, labels) in series.enumerated() {
            batch.addSample(batch.addSeries(labels), timestamp: Self.sampleTime, value: Self.marker(index))
        }
        bytes = RemoteWrite.encode(batch)
        var places: [Int] = []
        var cursor = 0
        for index in series.indices {
            let wanted = withUnsafeBytes(of: Self.marker(index).bitPattern.littleEndian, Array.init)
            while cursor + 15 <= bytes.count, !bytes[cursor..<cursor + 8].elementsEqual(wanted) { cursor += 1 }
            guard cursor + 15 <= bytes.count, bytes[cursor + 8] == 0x10 else {
                throw BenchmarkError("the encoder's request does not have a sample for series \(index)")
            }
            places.append(cursor)
            cursor += 15
        }
        self.places = places
    }

    private static func marker(_ index: Int) -> Double { Double(bitPattern: 0xc1f7_e3d5_0000_0000 + UInt64(index)) }

    var seriesCount: Int { places.count }

    /// The request, compressed. `sample` answers value and milliseconds of a series.
    func encode(_ sample: (Int) -> (value: Double, time: Int64)) -> [UInt8] {
        var copy = bytes
        copy.withUnsafeMutableBytes { buffer in
            for (index, place) in places.enumerated() {
                let (value, time) = sample(index)
                buffer.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: place, as: UInt64.self)
                var rest = UInt64(time)
                for byte in 0..<6 {
                    buffer[place + 9 + byte] = UInt8(truncatingIfNeeded: rest & 0x7f) | (byte < 5 ? 0x80 : 0)
                    rest >>= 7
                }
            }
        }
        return Snappy.compress(copy)
    }
}
