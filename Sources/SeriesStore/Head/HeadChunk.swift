import Codecs

/// A closed run of float samples of one series in memory, all of one window.
struct HeadChunk {
    var first: Int64
    var last: Int64
    var count: Int
    var bytes: [UInt8]
    /// Handed to the sealer; dropped when its part is in the catalog.
    var isSealing = false

    var window: Int64 { Window.index(first) }

    init(_ encoder: SampleChunkEncoder) {
        first = encoder.firstTimestamp
        last = encoder.lastTimestamp
        count = encoder.count
        bytes = encoder.encoded()
    }
}

/// A native histogram in memory, encoded.
struct HeadHistogram {
    var timestamp: Int64
    var bytes: [UInt8]
    var isSealing = false
}

struct FloatSample: Hashable {
    var timestamp: Int64
    var value: Double
}
