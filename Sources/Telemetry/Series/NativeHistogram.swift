/// Prometheus' native histogram in its float form: counts are absolute, not deltas.
///
/// Standard schemas -4...8 have buckets with base 2^(2^-schema); schema -53 has the custom bounds of ``customValues``.
package struct NativeHistogram: Hashable, Sendable {
    package struct Span: Hashable, Sendable {
        /// Of the first span: index of its first bucket; of the others: gap to the one before.
        package var offset: Int32
        package var length: UInt32
        package init(offset: Int32, length: UInt32) {
            self.offset = offset
            self.length = length
        }
    }
    package enum ResetHint: UInt8, Hashable, Sendable { case unknown, reset, notReset, gauge }

    package static let customBucketsSchema: Int32 = -53

    package var schema: Int32 = 0
    package var zeroThreshold: Double = 0
    package var zeroCount: Double = 0
    package var count: Double = 0
    package var sum: Double = 0
    package var positiveSpans: [Span] = []
    package var negativeSpans: [Span] = []
    package var positiveBuckets: [Double] = []
    package var negativeBuckets: [Double] = []
    package var customValues: [Double] = []
    package var resetHint: ResetHint = .unknown
    /// Whether it came with integer counts (they then are exact up to 2^53).
    package var isInteger: Bool = false

    package init() {}
}
