import CShims

/// gzip, zlib and raw deflate from a network, with a limit on what comes out: a small body may expand a thousandfold.
package enum Inflate {
    /// gzip, one member or several in a row (RFC 1952 2.2). Also accepts one zlib stream.
    package static func gunzip(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        try run(bytes, window: 47, name: "gzip", limit: limit, severalMembers: true)
    }

    package static func gunzip(_ bytes: [UInt8], limit: Int) throws(CodecError) -> [UInt8] {
        try gunzip(bytes[...], limit: limit)
    }

    package static func zlib(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        try run(bytes, window: 15, name: "zlib", limit: limit, severalMembers: false)
    }

    /// HTTP's `deflate` is zlib by the standard and raw deflate by some senders; both are accepted.
    package static func deflate(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        if looksLikeZlib(bytes) {
            do { return try zlib(bytes, limit: limit) } catch  where error.offset == 0 {}
        }
        return try run(bytes, window: -15, name: "deflate", limit: limit, severalMembers: false)
    }

    private static func looksLikeZlib(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= 2 else { return false }
        let header = UInt16(bytes[bytes.startIndex]) << 8 | UInt16(bytes[bytes.startIndex + 1])
        return header % 31 == 0 && (header >> 8) & 0x0f == 8
    }

    private static func run(
        _ bytes: ArraySlice<UInt8>, window: Int32, name: String, limit: Int, severalMembers: Bool
    ) throws(CodecError) -> [UInt8] {
        guard let stream = unsafe needletail_inflate_new(window) else { throw CodecError(0, "no memory to inflate") }
        defer { unsafe needletail_inflate_free(stream) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(max(bytes.count &* 4, 1024), 1 << 18))
        var offset = 0
        while true {
            var consumed = 0
            var produced = 0
            let status = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe buffer.withUnsafeMutableBufferPointer { target in
                    unsafe needletail_inflate(
                        stream, source.baseAddress.map { unsafe $0 + offset }, source.count - offset, &consumed,
                        target.baseAddress, target.count, &produced)
                }
            }
            if status < 0 { throw CodecError(offset &+ consumed, "\(name) data is damaged") }
            offset += consumed
            guard produced <= limit - result.count else {
                throw CodecError(offset, "\(name) data expands to more than \(limit) bytes", isOverLimit: true)
            }
            result.append(contentsOf: buffer[..<produced])
            if status == 1 {
                // Zero padding after the last member is common in files and allowed by gzip itself.
                let isOver = bytes[(bytes.startIndex + offset)...].allSatisfy { $0 == 0 }
                if isOver { return result }
                guard severalMembers else { throw CodecError(offset, "bytes after the end of the \(name) data") }
                guard unsafe needletail_inflate_reset(stream) == 0 else { throw CodecError(offset, "cannot reset") }
            } else if consumed == 0, produced == 0 {
                throw CodecError(offset, "\(name) data is cut off")
            }
        }
    }
}

package enum Gzip {
    /// One gzip member. `level` 1 (fast) to 9.
    package static func compress(_ bytes: [UInt8], level: Int = 4) -> [UInt8] {
        var capacity = needletail_gzip_bound(bytes.count)
        while true {
            var isDone = false
            let packed = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
                let written = unsafe bytes.withUnsafeBufferPointer { source in
                    unsafe needletail_gzip(
                        target.baseAddress, target.count, source.baseAddress, source.count, Int32(min(max(level, 1), 9))
                    )
                }
                isDone = written >= 0
                count = isDone ? Int(written) : 0
            }
            if isDone { return packed }
            capacity &*= 2
        }
    }
}
