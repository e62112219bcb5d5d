import Codecs

/// Undoes `Content-Encoding`.
package enum ContentDecoding {
    package static func decode(_ body: [UInt8], encoding: String?, limit: Int) throws -> [UInt8] {
        switch (encoding ?? "").trimmingSpaces.lowercased() {
        // Snappy is part of remote write's and Loki's formats, whose readers undo it themselves.
        case "", "identity", "snappy": return body
        case "gzip", "x-gzip": return try bounded(limit) { try Inflate.gunzip(body, limit: limit) }
        case "deflate", "zlib": return try bounded(limit) { try Inflate.deflate(body[...], limit: limit) }
        case "zstd": return try bounded(limit) { try Zstd.decompress(body[...], limit: limit) }
        case "lz4": return try bounded(limit) { try LZ4.decompress(body[...], limit: limit) }
        case let other:
            throw HTTPFailure(
                415, "Content-Encoding \"\(other)\" is not known here; send gzip, deflate, zstd, lz4 or none")
        }
    }

    private static func bounded(_ limit: Int, _ body: () throws -> [UInt8]) throws -> [UInt8] {
        do { return try body() } catch let error as CodecError {
            if error.isOverLimit {
                throw HTTPFailure(413, "the body inflates to more than \(limit) bytes; send smaller batches")
            }
            throw HTTPFailure(400, "the body cannot be decompressed: \(error)")
        }
    }
}
