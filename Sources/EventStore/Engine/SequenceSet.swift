import Codecs

/// Sequences of rows, as runs of neighbours.
struct SequenceSet: Sendable, Equatable {
    /// Ascending, none touching the next.
    private(set) var runs: [ClosedRange<UInt64>] = []

    init(_ sequences: [UInt64]) {
        for sequence in sequences.sorted() {
            if let last = runs.last, sequence <= last.upperBound { continue }
            if let last = runs.last, last.upperBound &+ 1 == sequence {
                runs[runs.count - 1] = last.lowerBound...sequence
            } else {
                runs.append(sequence...sequence)
            }
        }
    }

    var isEmpty: Bool { runs.isEmpty }

    func contains(_ sequence: UInt64) -> Bool {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].lowerBound <= sequence
    }

    /// Number of runs; of each the distance from the end of the one before, and its length less one.
    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.writeVarint(runs.count)
        var end: UInt64 = 0
        for run in runs {
            writer.writeVarint(run.lowerBound &- end)
            writer.writeVarint(run.upperBound &- run.lowerBound)
            end = run.upperBound
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        var end: UInt64 = 0
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let (lower, isTooFar) = end.addingReportingOverflow(try reader.readVarint())
            let (upper, isTooLong) = lower.addingReportingOverflow(try reader.readVarint())
            guard !isTooFar, !isTooLong, runs.isEmpty || lower > end else { throw reader.failure("sequences overflow") }
            runs.append(lower...upper)
            end = upper
        }
    }
}
