import Codecs

/// Snappy on a remote write request.
enum SnappyKernels {
    static func run() throws {
        let plain = ShopSeries.request(ShopSeries.labelSets(2000))
        let size = Double(plain.count)
        let packed = Snappy.compress(plain)
        let deflated = BlockCodec.compress(plain, codec: .zlib, level: 1).bytes
        let compress = Measure.best { _ = Snappy.compress(plain) }
        let deflate = Measure.best { _ = BlockCodec.compress(plain, codec: .zlib, level: 1) }
        Measure.row("snappy compress | zlib level 1", compress / size, deflate / size, unit: "ns/kB", scale: 1e12)
        Measure.row(
            "snappy size of a request | zlib level 1", Double(packed.count) / size, Double(deflated.count) / size,
            unit: "of plain", scale: 1)
        let expand = try Measure.best { _ = try Snappy.decompress(packed, limit: plain.count) }
        let inflate = try Measure.best {
            _ = try BlockCodec.decompress(deflated, codec: .zlib, expectedSize: plain.count)
        }
        var bytewise: [UInt8] = []
        let naive = Measure.best { bytewise = NaiveSnappy.decompress(packed) }
        let back = try Snappy.decompress(packed, limit: plain.count)
        guard back == plain, bytewise == plain else { throw KernelError("snappy's bytes came back different") }
        Measure.row("snappy decompress | zlib", expand / size, inflate / size, unit: "ns/kB", scale: 1e12)
        Measure.row("snappy decompress | byte by byte", expand / size, naive / size, unit: "ns/kB", scale: 1e12)
    }
}

/// The format's description turned into code, one byte after the other; trusts its input.
private enum NaiveSnappy {
    static func decompress(_ bytes: [UInt8]) -> [UInt8] {
        var position = 0
        func little(_ count: Int) -> Int {
            var value = 0
            for index in 0..<count { value |= Int(bytes[position + index]) << (8 * index) }
            position += count
            return value
        }
        while bytes[position] >= 0x80 { position += 1 }
        position += 1
        var out: [UInt8] = []
        while position < bytes.count {
            let tag = Int(bytes[position])
            position += 1
            if tag & 3 == 0 {
                var length = tag >> 2
                if length >= 60 { length = little(length - 59) }
                for _ in 0...length {
                    out.append(bytes[position])
                    position += 1
                }
                continue
            }
            let length: Int
            let distance: Int
            switch tag & 3 {
            case 1: (length, distance) = (((tag >> 2) & 7) + 4, (tag >> 5) << 8 | little(1))
            case 2: (length, distance) = ((tag >> 2) + 1, little(2))
            default: (length, distance) = ((tag >> 2) + 1, little(4))
            }
            for _ in 0..<length { out.append(out[out.count - distance]) }
        }
        return out
    }
}
