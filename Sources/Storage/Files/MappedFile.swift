import Glibc

/// The bytes of an immutable file. Reading outside of it is an error, not a trap.
package final class MappedFile: Sendable {
    package let path: String
    package let count: Int
    private let storage: Storage

    private enum Storage: Sendable {
        /// The address from mmap, and its length. The pages are never written and live until `deinit`.
        case mapped(UInt, Int)
        case memory([UInt8])
    }

    init(path: String, bytes: [UInt8]) {
        self.path = path
        count = bytes.count
        storage = .memory(bytes)
    }

    /// Takes over the mapping.
    init(path: String, address: UInt, count: Int) {
        self.path = path
        self.count = count
        storage = .mapped(address, count)
    }

    deinit {
        if case .mapped(let address, let length) = storage,
            let start = unsafe UnsafeMutableRawPointer(bitPattern: address)
        {
            unsafe munmap(start, length)
        }
    }

    /// A copy of `count` bytes at `offset`.
    package func bytes(at offset: Int, count length: Int) throws(StorageError) -> [UInt8] {
        try check(offset, length)
        switch storage {
        case .memory(let bytes): return Array(bytes[offset..<offset + length])
        case .mapped(let address, _):
            guard length > 0, let start = unsafe UnsafeRawPointer(bitPattern: address) else { return [] }
            return unsafe Array(UnsafeRawBufferPointer(start: start + offset, count: length))
        }
    }

    /// Lends `count` bytes at `offset` without a copy. The span must not leave the body.
    package func withSpan<R>(at offset: Int, count length: Int, _ body: (Span<UInt8>) throws -> R) throws -> R {
        try check(offset, length)
        switch storage {
        case .memory(let bytes): return try body(bytes[offset..<offset + length].span)
        case .mapped(let address, _):
            guard length > 0, let start = unsafe UnsafeRawPointer(bitPattern: address) else {
                return try body([UInt8]().span)
            }
            let buffer = unsafe UnsafeRawBufferPointer(start: start + offset, count: length)
            return try unsafe buffer.withMemoryRebound(to: UInt8.self) { try unsafe body($0.span) }
        }
    }

    private func check(_ offset: Int, _ length: Int) throws(StorageError) {
        guard offset >= 0, length >= 0, length <= count, offset <= count - length else {
            throw .corrupt(
                path: path, offset: max(offset, 0), reason: "\(length) bytes wanted, the file has \(count) in all")
        }
    }
}
