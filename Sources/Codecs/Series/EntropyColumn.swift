/// A column of 64-bit integers for values of a series: residuals of order 0, 1 or 2, entropy-coded where that pays.
/// Lossless for any values; arithmetic wraps. See docs/formats/codecs.md.
package enum EntropyColumn {
    enum Mode: UInt8 {
        case constant = 0
        /// First value and a difference that never changes.
        case linear = 1
        /// Residuals less the least of them, bit-packed.
        case packed = 2
        /// Residuals less a base: the high bits as tokens of an entropy table, the low bits as they are.
        case entropy = 3
    }

    /// So that the bits of one sample come out of one word.
    static let maximumShift = 44

    package static func decode(_ bytes: [UInt8], count: Int) throws(CodecError) -> [Int64] {
        var reader = ByteReader(bytes)
        return try decode(&reader, count: count)
    }

    package static func decode(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Int64] {
        guard count >= 0, count <= maximumDecodedCount else { throw reader.failure("\(count) integers") }
        guard count > 0 else { return [] }
        var failure: CodecError?
        var copy = reader
        let values = unsafe [Int64](unsafeUninitializedCapacity: count) { target, initialized in
            do throws(CodecError) {
                unsafe try decode(&copy, into: UnsafeMutableBufferPointer(rebasing: target[..<count]))
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        reader = copy
        return values
    }

    /// Fills `target`, which holds as many integers as the column has; in it is nothing of use where this throws.
    @unsafe
    package static func decode(
        _ reader: inout ByteReader, into target: UnsafeMutableBufferPointer<Int64>
    ) throws(CodecError) {
        let count = target.count
        guard count > 0 else { return }
        guard count <= maximumDecodedCount else { throw reader.failure("\(count) integers") }
        let start = reader
        let head = try reader.readByte()
        let order = Int(head >> 4 & 3)
        guard let mode = Mode(rawValue: head & 15), order <= 2, order < count, head < 128 else {
            throw start.failure("unknown integer encoding \(head)")
        }
        let first = mode == .constant || mode == .linear || order > 0 ? try reader.readZigzag() : 0
        switch mode {
        case .constant:
            unsafe target.update(repeating: first)
            return
        case .linear:
            let difference = try reader.readZigzag()
            var value = first
            for index in 0..<count {
                unsafe target[index] = value
                value &+= difference
            }
            return
        case .packed, .entropy: break
        }
        let difference = order > 1 ? try reader.readZigzag() : 0
        // All residuals are multiples of this power of two: memory is counted in pages.
        let unit = head & 64 != 0 ? Int64(try reader.readByte() & 63) : 0
        let base = try reader.readZigzag()
        if mode == .packed {
            unsafe try unpack(&reader, order: order, base: base, into: target)
        } else {
            unsafe try EntropyResiduals.decode(&reader, order: order, base: base, into: target)
        }
        if unit > 0 { for index in 0..<count { unsafe target[index] &<<= unit } }
        unsafe integrate(target, order: order, first: first, difference: difference)
    }

    /// Leaves `order` places free in front.
    @unsafe
    private static func unpack(
        _ reader: inout ByteReader, order: Int, base: Int64, into target: UnsafeMutableBufferPointer<Int64>
    ) throws(CodecError) {
        let start = reader
        let count = target.count
        let width = Int(try reader.readByte())
        guard width <= 64 else { throw start.failure("bit width \(width)") }
        let packed = try reader.readBytes(BitPacking.byteCount(count - order, width: width))
        for index in 0..<order { unsafe target[index] = 0 }
        unsafe packed.withUnsafeBytes { source in
            unsafe target.withMemoryRebound(to: UInt64.self) { target in
                unsafe BitPacking.unpack(
                    source, count: count - order, width: width,
                    into: UnsafeMutableBufferPointer(rebasing: target[order...]))
            }
        }
        for index in order..<count { unsafe target[index] &+= base }
    }

    @unsafe
    private static func integrate(
        _ values: UnsafeMutableBufferPointer<Int64>, order: Int, first: Int64, difference: Int64
    ) {
        let count = values.count
        if order == 1 {
            var value = first
            unsafe values[0] = first
            for index in 1..<count {
                value &+= unsafe values[index]
                unsafe values[index] = value
            }
        } else if order == 2 {
            var step = difference
            var value = first &+ difference
            unsafe values[0] = first
            unsafe values[1] = value
            for index in 2..<max(count, 2) {
                step &+= unsafe values[index]
                value &+= step
                unsafe values[index] = value
            }
        }
    }
}

/// The entropy-coded part of an ``EntropyColumn``.
enum EntropyResiduals {
    /// Leaves `order` places free in front.
    @unsafe
    static func decode(
        _ reader: inout ByteReader, order: Int, base: Int64, into target: UnsafeMutableBufferPointer<Int64>
    ) throws(CodecError) {
        let start = reader
        let count = target.count
        let flags = try reader.readByte()
        let shift = Int(flags & 63)
        let tokens = Int(try reader.readByte())
        guard shift <= EntropyColumn.maximumShift, tokens > 0, tokens <= EntropyTable.maximumTokens, flags & 64 == 0
        else { throw start.failure("\(tokens) tokens of shift \(shift)") }
        let classes = try reader.readBytes((tokens + 1) / 2)
        let log = EntropyTable.log(count: count - order, tokens: tokens)
        var escapes: [Int64] = []
        if flags & 128 != 0 {
            let number = try reader.readCount(limit: min(count, reader.remaining))
            escapes.reserveCapacity(number)
            for _ in 0..<number { escapes.append(try reader.readZigzag()) }
        }
        let bits = reader.rest
        var used = 0
        for index in 0..<order { unsafe target[index] = 0 }
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << EntropyTable.maximumLog) { table in
            guard
                unsafe EntropyTable.fillDecoder(
                    table.baseAddress.unsafelyUnwrapped, classes, tokens: tokens, log: log)
            else {
                used = -2
                return
            }
            unsafe bits.withUnsafeBytes { source in
                unsafe used = expand(
                    source, table.baseAddress.unsafelyUnwrapped,
                    Coding(log: log, shift: shift, base: base, escape: flags & 128 != 0 ? tokens - 1 : Int.max),
                    escapes, into: UnsafeMutableBufferPointer(rebasing: target[order..<count]))
            }
        }
        guard used != -2 else { throw start.failure("no tokens") }
        guard used >= 0 else { throw reader.failure("\(count) integers are cut off") }
        try reader.skip(used)
    }

    /// Where the decoder stands.
    private struct Cursor {
        var bit: Int
        var state: Int
        var index = 0
        var nextEscape = 0
    }

    /// What it reads by.
    private struct Coding {
        var log: Int
        var shift: Int
        var base: Int64
        /// Token of the escapes; none has `.max`.
        var escape: Int
    }

    /// Bytes read, or −1 where they end too early.
    @unsafe
    private static func expand(
        _ source: UnsafeRawBufferPointer, _ table: UnsafePointer<UInt32>, _ coding: Coding, _ escapes: [Int64],
        into target: UnsafeMutableBufferPointer<Int64>
    ) -> Int {
        guard let start = source.baseAddress, source.count &* 8 >= coding.log else { return -1 }
        var cursor = Cursor(bit: 0, state: 0)
        var isGood = true
        if source.count >= 8 {
            cursor.state = unsafe Int(
                UInt64(littleEndian: start.loadUnaligned(as: UInt64.self)) & ((1 &<< UInt64(coding.log)) &- 1))
            cursor.bit = coding.log
            isGood = unsafe run(start, source.count, table, coding, escapes, &cursor, into: target)
        }
        if cursor.index == target.count {
            return isGood && cursor.nextEscape == escapes.count && cursor.bit <= source.count &* 8
                ? (cursor.bit &+ 7) >> 3 : -1
        }
        // The last bytes again, with zeros behind them, so that a whole word can be read there too.
        let done = max(0, min(cursor.bit >> 3, source.count &- 1))
        let left = source.count &- done
        let used = unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { tail in
            guard isGood, left <= 16, let end = tail.baseAddress else { return -1 }
            unsafe end.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
            unsafe end.copyMemory(from: start + done, byteCount: left)
            cursor.bit &-= done &* 8
            if source.count < 8 {
                cursor.state = unsafe Int(
                    UInt64(littleEndian: end.load(as: UInt64.self)) & ((1 &<< UInt64(coding.log)) &- 1))
                cursor.bit = coding.log
            }
            guard unsafe run(end, 40, table, coding, escapes, &cursor, into: target) else { return -1 }
            return cursor.index == target.count && cursor.bit <= left &* 8 ? (cursor.bit &+ 7) >> 3 &+ done : -1
        }
        return cursor.nextEscape == escapes.count ? used : -1
    }

    /// Goes on while a whole word can be read; false where there are more escapes than were listed.
    @unsafe
    private static func run(
        _ source: UnsafeRawPointer, _ size: Int, _ table: UnsafePointer<UInt32>, _ coding: Coding,
        _ escapes: [Int64], _ cursor: inout Cursor, into target: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        let count = target.count
        let shift = coding.shift
        let mask: UInt64 = (1 &<< UInt64(shift)) &- 1
        let stateMask = (1 &<< coding.log) &- 1
        let wholeBits = (size &- 8) &* 8 &+ 7
        // Samples of one word: it has 57 bits whatever bit it begins at.
        let steps = max(1, min(5, 57 / (shift &+ coding.log)))
        var bit = cursor.bit
        var state = cursor.state
        var index = cursor.index
        var lastBits: UInt64 = 0
        while index < count, bit <= wholeBits {
            var window =
                unsafe UInt64(littleEndian: source.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
                &>> UInt64(bit & 7)
            let end = min(index &+ steps, count)
            while index < end {
                let entry = unsafe table[state]
                let token = Int(entry & 255)
                let bits = UInt64(entry &>> 8 & 255)
                var value = coding.base &+ Int64(truncatingIfNeeded: token) &<< Int64(shift)
                value &+= Int64(truncatingIfNeeded: window & mask)
                window &>>= UInt64(shift)
                let next = Int(truncatingIfNeeded: window & ((1 &<< bits) &- 1))
                state = (Int(entry &>> 16) &+ next) & stateMask
                window &>>= bits
                bit &+= shift &+ Int(bits)
                lastBits = bits
                if token == coding.escape {
                    guard cursor.nextEscape < escapes.count else { return false }
                    value = escapes[cursor.nextEscape]
                    cursor.nextEscape &+= 1
                }
                unsafe target[index] = value
                index &+= 1
            }
        }
        // The last sample's state is the end: nothing follows it.
        cursor.bit = index == count ? bit &- Int(lastBits) : bit
        cursor.state = state
        cursor.index = index
        return true
    }
}
