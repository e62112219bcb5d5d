import CShims

/// zstd as an HTTP content encoding: frames in a row, with or without their content size.
package enum Zstd {
    package static var isAvailable: Bool { needletail_zstd_is_present() == 1 }

    package static func decompress(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        guard isAvailable else { throw CodecError(0, "this build has no zstd") }
        guard let stream = unsafe needletail_zstd_stream_new() else { throw CodecError(0, "no memory for zstd") }
        defer { unsafe needletail_zstd_stream_free(stream) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(max(bytes.count &* 4, 1024), 1 << 18))
        var offset = 0
        while true {
            var consumed = 0
            var produced = 0
            let status = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe buffer.withUnsafeMutableBufferPointer { target in
                    unsafe needletail_zstd_stream(
                        stream, source.baseAddress.map { unsafe $0 + offset }, source.count - offset, &consumed,
                        target.baseAddress, target.count, &produced)
                }
            }
            if status < 0 { throw CodecError(offset, "zstd data is damaged") }
            offset += consumed
            guard produced <= limit - result.count else {
                throw CodecError(offset, "zstd data expands to more than \(limit) bytes", isOverLimit: true)
            }
            result.append(contentsOf: buffer[..<produced])
            if status == 1, offset == bytes.count { return result }
            if consumed == 0, produced == 0 { throw CodecError(offset, "zstd data is cut off") }
        }
    }

    /// One frame; nil in a build without zstd.
    package static func compress(_ bytes: [UInt8], level: Int = 3) -> [UInt8]? {
        guard isAvailable else { return nil }
        var written: Int64 = -1
        let packed = unsafe [UInt8](unsafeUninitializedCapacity: needletail_zstd_bound(bytes.count)) { target, count in
            written = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe needletail_zstd_compress(
                    target.baseAddress, target.count, source.baseAddress, source.count, Int32(min(max(level, 1), 19)))
            }
            count = written > 0 ? Int(written) : 0
        }
        return written < 0 ? nil : packed
    }
}
