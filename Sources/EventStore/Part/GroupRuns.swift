import Codecs

/// Numbers of groups, ascending, as runs of neighbours: blocks of a part in the order of its groups have one run.
struct GroupRuns: Equatable {
    struct Run: Equatable {
        var first: UInt32
        var count: UInt32
    }

    private(set) var runs: [Run] = []
    /// Of all runs.
    private(set) var count = 0

    init() {}

    /// `numbers` ascending, none twice.
    init(_ numbers: some Sequence<UInt32>) { for number in numbers { append(number) } }

    mutating func append(_ number: UInt32) {
        count += 1
        if let last = runs.last, last.first &+ last.count == number {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(first: number, count: 1))
        }
    }

    var only: UInt32? { count == 1 ? runs.first?.first : nil }
    var first: UInt32 { runs.first?.first ?? 0 }
    var last: UInt32 { runs.last.map { $0.first + ($0.count - 1) } ?? 0 }

    var numbers: [UInt32] {
        var out: [UInt32] = []
        out.reserveCapacity(count)
        for run in runs { for i in 0..<run.count { out.append(run.first + i) } }
        return out
    }

    func contains(where test: (UInt32) -> Bool) -> Bool {
        for run in runs { for i in 0..<run.count where test(run.first + i) { return true } }
        return false
    }

    func allSatisfy(_ test: (UInt32) -> Bool) -> Bool { !contains { !test($0) } }

    func write(to writer: inout ByteWriter) {
        writer.writeVarint(runs.count)
        var previous: UInt32 = 0
        for run in runs {
            writer.writeVarint(UInt64(run.first &- previous))
            writer.writeVarint(UInt64(run.count))
            previous = run.first &+ run.count
        }
    }

    init(_ reader: inout ByteReader, limit: Int) throws(CodecError) {
        let total = try reader.readCount(limit: reader.remaining)
        var next = 0
        runs.reserveCapacity(total)
        for _ in 0..<total {
            let first = next + (try reader.readCount(limit: limit))
            let length = try reader.readCount(limit: limit)
            guard length > 0, first <= limit - length else { throw reader.failure("group \(first) of \(limit)") }
            runs.append(
                Run(first: UInt32(truncatingIfNeeded: first), count: UInt32(truncatingIfNeeded: length)))
            count += length
            next = first + length
        }
    }
}
