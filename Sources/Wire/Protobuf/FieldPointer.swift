/// Reads the few shapes of protobuf that stand for each sample of a request through a pointer: one load where
/// ``ProtobufCursor`` has a check and a throw for each byte.
///
/// Every read is checked against its limit. Where the bytes are not what nearly every sender writes it answers nil and
/// moves nothing: the caller then has `ProtobufCursor` read the field, which finds the words for what is wrong. So this
/// never has to be complete, only right about what it takes.
///
/// Unsafe because the memory must outlive it: make one inside `withUnsafeBytes` only, and give it limits between 0 and
/// `count`.
@unsafe
struct FieldPointer {
    private let base: UnsafeRawPointer
    let count: Int

    /// nil for no bytes at all.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return nil }
        unsafe self.base = base
        unsafe count = bytes.count
    }

    @inline(__always)
    func byte(_ offset: Int) -> UInt8 {
        unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    @inline(__always)
    private func word(_ offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The bytes of a range inside the limits.
    @inline(__always)
    func bytes(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + start, count: end &- start)
    }

    /// A varint of up to eight bytes, all of them before `limit`.
    @inline(__always)
    func varint(_ offset: inout Int, limit: Int) -> UInt64? {
        guard offset < limit else { return nil }
        let first = unsafe byte(offset)
        if first < 0x80 {
            offset = offset &+ 1
            return UInt64(first)
        }
        return unsafe longVarint(&offset, limit: limit)
    }

    @inline(__always)
    private func longVarint(_ offset: inout Int, limit: Int) -> UInt64? {
        // Eight bytes at once may reach into the next field, not beyond the request.
        guard unsafe count &- offset >= 8 else { return nil }
        let word = unsafe word(offset)
        let stops = ~word & 0x8080_8080_8080_8080
        guard stops != 0 else { return nil }
        let length = (stops.trailingZeroBitCount &+ 1) >> 3
        guard length <= limit &- offset else { return nil }
        offset = offset &+ length
        // Groups of seven bits are pushed together in pairs, then in fours, then in eights.
        var bits = word & (stops ^ (stops &- 1)) & 0x7f7f_7f7f_7f7f_7f7f
        bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1
        bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2
        return (bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4
    }

    /// The end of a length-delimited value whose length stands at `offset`.
    @inline(__always)
    func end(_ offset: inout Int, limit: Int) -> Int? {
        var next = offset
        guard let length = unsafe varint(&next, limit: limit), length <= UInt64(limit &- next) else { return nil }
        offset = next
        return next &+ Int(truncatingIfNeeded: length)
    }

    /// A `Sample` of remote write, 1.0 or 2.0: value, timestamp and start timestamp in this order, each one there or
    /// left out for zero. `offset` stands at its tag.
    @inline(__always)
    func sample(
        _ offset: inout Int, limit: Int
    ) -> (value: Double, timestamp: Int64, startTimestamp: Int64)? {
        var next = offset &+ 1
        guard let end = unsafe end(&next, limit: limit) else { return nil }
        var value = 0.0
        var timestamp: UInt64 = 0
        var startTimestamp: UInt64 = 0
        if end &- next >= 9, unsafe byte(next) == 0x09 {
            value = unsafe Double(bitPattern: word(next &+ 1))
            next = next &+ 9
        }
        if next < end, unsafe byte(next) == 0x10 {
            next = next &+ 1
            guard let number = unsafe varint(&next, limit: end) else { return nil }
            timestamp = number
        }
        if next < end, unsafe byte(next) == 0x18 {
            next = next &+ 1
            guard let number = unsafe varint(&next, limit: end) else { return nil }
            startTimestamp = number
        }
        guard next == end else { return nil }
        offset = end
        return (value, Int64(bitPattern: timestamp), Int64(bitPattern: startTimestamp))
    }
}
