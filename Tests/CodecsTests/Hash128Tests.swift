import Codecs
import TestSupport
import Testing

@Test func everyBitAndTheLengthCountInAKeyedHash() {
    var random = SeededGenerator(seed: 11)
    for length in 0...200 {
        let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let hash = Hash128.hash(bytes, 0..<length)
        // The same bytes elsewhere are the same; with another seed, or a byte more, they are not.
        #expect(Hash128.hash([7] + bytes + [9], 1..<length + 1) == hash, "length \(length)")
        #expect(Hash128.hash(bytes, 0..<length, seed: 1) != hash, "length \(length)")
        #expect(Hash128.hash(bytes + [0], 0..<length + 1) != hash, "length \(length)")
        var seen: Set<Hash128.Value> = [hash]
        for bit in 0..<length * 8 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            seen.insert(Hash128.hash(other, 0..<length))
        }
        #expect(seen.count == length * 8 + 1, "length \(length)")
        // Neither half alone repeats.
        #expect(Set(seen.map(\.high)).count == seen.count && Set(seen.map(\.low)).count == seen.count)
    }
}
