/// Frames of LZ4 from a network (the format of `lz4(1)` and of OpenTelemetry's Collector), one or several in a row, with a
/// limit on what comes out.
package enum LZ4 {
    private static let magic: UInt32 = 0x184d_2204
    private static let skippable: UInt32 = 0x184d_2a50

    package static func decompress(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        var reader = Reader(bytes: bytes)
        var out: [UInt8] = []
        repeat {
            let magic = try reader.word()
            if magic & ~0xf == skippable {
                try reader.skip(Int(try reader.word()))
                continue
            }
            guard magic == LZ4.magic else { throw reader.failure("no LZ4 frame begins here") }
            try frame(&reader, &out, limit)
        } while reader.left > 0
        return out
    }

    private struct Reader {
        let bytes: ArraySlice<UInt8>
        var offset = 0

        var left: Int { bytes.count - offset }
        func failure(_ reason: String) -> CodecError { CodecError(offset, reason) }

        mutating func byte() throws(CodecError) -> UInt8 {
            guard left > 0 else { throw failure("LZ4 data ends early") }
            defer { offset += 1 }
            return bytes[bytes.startIndex + offset]
        }

        mutating func word() throws(CodecError) -> UInt32 {
            var word: UInt32 = 0
            for shift in stride(from: UInt32(0), to: 32, by: 8) { word |= UInt32(try byte()) << shift }
            return word
        }

        mutating func skip(_ count: Int) throws(CodecError) {
            guard count <= left else { throw failure("LZ4 data ends early") }
            offset += count
        }

        mutating func slice(_ count: Int) throws(CodecError) -> ArraySlice<UInt8> {
            let start = bytes.startIndex + offset
            try skip(count)
            return bytes[start..<start + count]
        }
    }

    private static func frame(_ reader: inout Reader, _ out: inout [UInt8], _ limit: Int) throws(CodecError) {
        let head = reader
        let flags = try reader.byte()
        guard flags >> 6 == 1 else { throw reader.failure("this version of LZ4 frames is not known here") }
        let sizes = try reader.byte()
        if flags & 0x08 != 0 { try reader.skip(8) }
        guard flags & 0x01 == 0 else { throw reader.failure("LZ4 with a dictionary is not read here") }
        var descriptor = head
        let checked = try descriptor.slice(reader.offset - head.offset)
        guard try reader.byte() == UInt8(truncatingIfNeeded: XXHash32.hash(checked) >> 8) else {
            throw reader.failure("the checksum of an LZ4 frame's head does not match")
        }
        guard (4...7).contains(sizes >> 4 & 7) else { throw reader.failure("an LZ4 frame has no size of blocks") }
        let longest = 1 << (8 + 2 * Int(sizes >> 4 & 7))
        let start = out.count
        while true {
            let size = try reader.word()
            if size == 0 { break }
            let isPlain = size >> 31 == 1
            let length = Int(size & 0x7fff_ffff)
            guard length <= longest else { throw reader.failure("an LZ4 block is longer than its frame says") }
            let block = try reader.slice(length)
            let room = min(longest, limit - out.count)
            if isPlain {
                guard length <= room else { throw tooLong(reader, limit) }
                out.append(contentsOf: block)
            } else {
                try expand(block, &out, from: start, room, reader, limit)
            }
            if flags & 0x10 != 0, try reader.word() != XXHash32.hash(block) {
                throw reader.failure("the checksum of an LZ4 block does not match")
            }
        }
        if flags & 0x04 != 0, try reader.word() != XXHash32.hash(out[start...]) {
            throw reader.failure("the checksum of an LZ4 frame does not match")
        }
    }

    private static func tooLong(_ reader: Reader, _ limit: Int) -> CodecError {
        CodecError(reader.offset, "LZ4 data expands to more than \(limit) bytes", isOverLimit: true)
    }

    /// Sequences of literals and copies of what came before, back to `start`.
    private static func expand(
        _ block: ArraySlice<UInt8>, _ out: inout [UInt8], from start: Int, _ room: Int, _ reader: Reader, _ limit: Int
    ) throws(CodecError) {
        var input = Reader(bytes: block)
        let end = out.count + room
        func length(_ nibble: UInt8, _ input: inout Reader) throws(CodecError) -> Int {
            var length = Int(nibble)
            guard nibble == 15 else { return length }
            var more: UInt8
            repeat {
                more = try input.byte()
                length += Int(more)
            } while more == 255
            return length
        }
        while input.left > 0 {
            let token = try input.byte()
            let literals = try length(token >> 4, &input)
            guard literals <= end - out.count else { throw tooLong(reader, limit) }
            out.append(contentsOf: try input.slice(literals))
            // The last sequence has literals only.
            if input.left == 0 { return }
            let distance = Int(try input.byte()) | Int(try input.byte()) << 8
            let copied = try length(token & 15, &input) + 4
            guard distance > 0, distance <= out.count - start else {
                throw CodecError(reader.offset, "an LZ4 block copies from before its beginning")
            }
            guard copied <= end - out.count else { throw tooLong(reader, limit) }
            if distance >= copied {
                out.append(contentsOf: out[(out.count - distance)..<(out.count - distance + copied)])
            } else {
                for _ in 0..<copied { out.append(out[out.count - distance]) }
            }
        }
    }
}

/// xxHash of 32 bits with seed 0, by which LZ4 frames are checked.
enum XXHash32 {
    private static let primes: [UInt32] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1]

    static func hash(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        let (p1, p2, p3, p4, p5) = (primes[0], primes[1], primes[2], primes[3], primes[4])
        var at = bytes.startIndex
        func word(_ at: Int) -> UInt32 {
            UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
        }
        func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
        var hash: UInt32
        if bytes.count >= 16 {
            var lanes: [UInt32] = [p1 &+ p2, p2, 0, 0 &- p1]
            while bytes.endIndex - at >= 16 {
                for lane in 0..<4 {
                    lanes[lane] = rotated(lanes[lane] &+ word(at + 4 * lane) &* p2, 13) &* p1
                }
                at += 16
            }
            hash = rotated(lanes[0], 1) &+ rotated(lanes[1], 7) &+ rotated(lanes[2], 12) &+ rotated(lanes[3], 18)
        } else {
            hash = p5
        }
        hash = hash &+ UInt32(truncatingIfNeeded: bytes.count)
        while bytes.endIndex - at >= 4 {
            hash = rotated(hash &+ word(at) &* p3, 17) &* p4
            at += 4
        }
        while at < bytes.endIndex {
            hash = rotated(hash &+ UInt32(bytes[at]) &* p5, 11) &* p1
            at += 1
        }
        hash = (hash ^ hash >> 15) &* p2
        hash = (hash ^ hash >> 13) &* p3
        return hash ^ hash >> 16
    }
}
