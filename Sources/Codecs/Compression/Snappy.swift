/// The snappy block format (google/snappy, format_description.txt): the body of a remote-write request.
package enum Snappy {
    /// Bytes behind the plain text into which a wide copy may spill.
    static let slop = 64

    /// `limit` bounds the declared plain size before anything is allocated.
    package static func decompress(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        var reader = ByteReader(bytes)
        let size = try reader.readVarint()
        guard size <= UInt64(UInt32.max) else { throw CodecError(0, "snappy size \(size) is over 32 bits") }
        guard size <= UInt64(max(limit, 0)) else {
            throw CodecError(0, "snappy data expands to \(size) bytes, the limit is \(limit)", isOverLimit: true)
        }
        // Three bytes of input make at most 64 of output, so a short body can't claim gigabytes.
        guard size / 22 <= UInt64(reader.remaining) else {
            throw CodecError(0, "snappy size \(size) is impossible for \(bytes.count) bytes")
        }
        let start = reader.offset
        var failure: CodecError?
        let plain = unsafe [UInt8](unsafeUninitializedCapacity: Int(size) + slop) { target, count in
            count = 0
            do throws(CodecError) {
                unsafe try bytes.span.withUnsafeBytes { (source) throws(CodecError) in
                    unsafe try SnappyExpander.expand(
                        source, from: start, into: UnsafeMutableRawBufferPointer(target), size: Int(size))
                }
                count = Int(size)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return plain
    }

    package static func decompress(_ bytes: [UInt8], limit: Int) throws(CodecError) -> [UInt8] {
        try decompress(bytes[...], limit: limit)
    }

    /// Greedy matching with a hash of four bytes, in fragments of 64 KiB as the reference encoder does.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let bound = SnappyMatcher.bound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
            unsafe bytes.withUnsafeBytes { source in
                count = unsafe SnappyMatcher.compress(source, into: UnsafeMutableRawBufferPointer(target))
            }
        }
    }
}

/// Bytes of 8 and 16 at once, wherever they lie.
enum WideCopy {
    @unsafe @inline(__always)
    static func eight(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
        unsafe target.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
    }

    @unsafe @inline(__always)
    static func sixteen(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
        unsafe target.storeBytes(
            of: source.loadUnaligned(as: SIMD16<UInt8>.self), as: SIMD16<UInt8>.self)
    }
}
