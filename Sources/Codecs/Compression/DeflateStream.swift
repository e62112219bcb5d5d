import CShims

/// gzip or zlib made piece by piece, for an answer that is sent while it is written.
@safe package struct DeflateStream: ~Copyable {
    package enum Container: Sendable {
        case gzip
        /// What HTTP calls `deflate`.
        case zlib
    }

    /// `z_stream` behind a pointer; this value is its only owner.
    private let stream: UnsafeMutableRawPointer

    /// `level` 1 (fast) to 9. Nil where there is no memory for it.
    package init?(_ container: Container, level: Int = 4) {
        let window: Int32 = container == .gzip ? 31 : 15
        guard let stream = unsafe needletail_deflate_new(window, Int32(min(max(level, 1), 9))) else { return nil }
        unsafe self.stream = stream
    }

    deinit { unsafe needletail_deflate_free(stream) }

    /// The packed form of a piece as far as it is ready; some of it may come with the next one. After `isLast` nothing
    /// more may be added.
    package mutating func add(_ bytes: [UInt8], isLast: Bool) throws(CodecError) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(max(bytes.count / 4, 1024), 1 << 16))
        var offset = 0
        while true {
            var consumed = 0
            var produced = 0
            let status = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe buffer.withUnsafeMutableBufferPointer { target in
                    unsafe needletail_deflate(
                        stream, source.baseAddress.map { unsafe $0 + offset }, source.count - offset, &consumed,
                        target.baseAddress, target.count, &produced, isLast ? 2 : 0)
                }
            }
            guard status >= 0 else { throw CodecError(offset, "cannot compress") }
            offset += consumed
            result.append(contentsOf: buffer[..<produced])
            if status == 1 { return result }
            // Room left in the buffer means that everything was taken.
            if !isLast, offset == bytes.count, produced < buffer.count { return result }
        }
    }
}
