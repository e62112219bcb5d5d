/// A place in a journal: just after the record with this sequence number.
///
/// Sequence numbers grow by one over all segments and are never used twice; they alone decide the order.
package struct JournalPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Number of the segment file that holds the record, or would hold the next one.
    package var segment: Int
    package var sequence: UInt64

    package init(segment: Int, sequence: UInt64) {
        self.segment = segment
        self.sequence = sequence
    }

    package static func < (a: JournalPosition, b: JournalPosition) -> Bool { a.sequence < b.sequence }
    package var description: String { "\(segment)/\(sequence)" }
}

/// What a replay met.
package struct JournalReplayReport: Sendable {
    package var records = 0
    package var bytes = 0
    /// Bytes cut off the end of the newest segment: the record that a crash interrupted. Not damage.
    package var tornBytes = 0
    /// Sentences that name file and offset of damage; the rest of such a segment was skipped.
    package var problems: [String] = []
    package init() {}
}

package struct JournalOptions: Sendable {
    package enum Sync: Sendable {
        /// An append returns after fsync.
        case always
        /// An append returns after write(2): it survives the death of the process, and that of the machine after the
        /// interval.
        case interval(Duration)
    }
    package var segmentBytes: Int
    package var sync: Sync
    package init(segmentBytes: Int = 64 << 20, sync: Sync = .interval(.milliseconds(100))) {
        self.segmentBytes = segmentBytes
        self.sync = sync
    }
}
