/// Distinct texts in the order of their bytes, of a million and more. They are sorted in runs rather than hashed: eight
/// bytes behind what all have in common are compared at once, and only where these are equal the rest.
struct DistinctBytes {
    private var texts: [[UInt8]] = []
    private var limit = 1 << 16

    mutating func insert(_ text: [UInt8]) {
        texts.append(text)
        guard texts.count > limit else { return }
        texts = sorted
        limit = max(1 << 16, texts.count * 2)
    }

    var sorted: [[UInt8]] {
        guard let first = texts.first else { return [] }
        var common = first.count
        for text in texts {
            var i = 0
            while i < common, i < text.count, text[i] == first[i] { i += 1 }
            common = i
        }
        var keys: [(head: UInt64, index: Int)] = []
        keys.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            var head: UInt64 = 0
            for i in common..<common + 8 { head = head << 8 | UInt64(i < text.count ? text[i] : 0) }
            keys.append((head, index))
        }
        keys.sort { a, b in
            a.head == b.head ? texts[a.index].lexicographicallyPrecedes(texts[b.index]) : a.head < b.head
        }
        var out: [[UInt8]] = []
        out.reserveCapacity(texts.count)
        for key in keys where out.last != texts[key.index] { out.append(texts[key.index]) }
        return out
    }
}
