import CShims

/// CRC-32C (Castagnoli), as in iSCSI, snappy framing and the journal: catches torn and rotten bytes.
package enum CRC32C {
    package static func checksum(_ bytes: Span<UInt8>, continuing: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { unsafe needletail_crc32c(continuing, $0.baseAddress, $0.count) }
    }

    package static func checksum(_ bytes: ArraySlice<UInt8>, continuing: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { unsafe needletail_crc32c(continuing, $0.baseAddress, $0.count) }
    }

    package static func checksum(_ bytes: [UInt8], continuing: UInt32 = 0) -> UInt32 {
        checksum(bytes[...], continuing: continuing)
    }
}
