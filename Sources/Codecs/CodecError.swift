/// Bytes that can't be decoded: where (counted from the first byte the decoder was given) and why.
package struct CodecError: Error, Hashable, Sendable, CustomStringConvertible {
    package var offset: Int
    package var reason: String
    /// The bytes may be well formed but decode to more than the caller allows: HTTP's 413 and not its 400.
    package var isOverLimit: Bool

    package init(_ offset: Int, _ reason: String, isOverLimit: Bool = false) {
        self.offset = offset
        self.reason = reason
        self.isOverLimit = isOverLimit
    }

    package var description: String { "cannot decode at byte \(offset): \(reason)" }
}

/// No decoder here makes more values than this at once, whatever a header claims.
package let maximumDecodedCount = 1 << 28
