/// Puts lines together from templates and values. The counts of templates and columns have been checked against each
/// other; places are checked again where bytes are copied.
struct LineAssembly {
    let templates: [TextTemplate]
    let lineCount: Int
    /// nil: all lines have the first template.
    let codes: [Int64]?
    let strings: [UInt8]
    let values: [TextPool.Values]
    let pool: TextPool

    /// What of a template follows each other: a piece of static text, or the next value of a column.
    private struct Step {
        var start: UInt32
        var length: UInt32
        /// Less than 0: static.
        var column: Int32
    }

    /// `size`: bytes of all lines.
    func run(_ wanted: [Bool]?, size: Int) -> (bytes: [UInt8], bounds: [UInt32]) {
        var steps: [Step] = []
        var firstStep: [Int] = [0]
        for template in templates {
            for (i, piece) in template.pieces.enumerated() {
                if !piece.isEmpty {
                    steps.append(
                        Step(
                            start: UInt32(truncatingIfNeeded: piece.lowerBound),
                            length: UInt32(truncatingIfNeeded: piece.count), column: -1))
                }
                if i < template.columns.count {
                    steps.append(Step(start: 0, length: 0, column: Int32(truncatingIfNeeded: template.columns[i])))
                }
            }
            firstStep.append(steps.count)
        }
        var bounds: [UInt32] = []
        bounds.reserveCapacity(lineCount + 1)
        bounds.append(0)
        // Two places of the value that comes next, in bounds or in codes.
        var next = values.map { $0.firstCode ?? $0.firstBound }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted == nil ? size : 0) { target, count in
            guard wanted == nil else { return }
            for line in 0..<lineCount {
                let template = codes.map { Int($0[line]) } ?? 0
                for step in firstStep[template]..<firstStep[template + 1] {
                    let one = steps[step]
                    if one.column < 0 {
                        unsafe LineAssembly.copy(strings, Int(one.start), Int(one.length), target, &count)
                    } else {
                        let range = takeNext(Int(one.column), &next)
                        unsafe LineAssembly.copy(pool.bytes, range.lowerBound, range.count, target, &count)
                    }
                }
                bounds.append(UInt32(truncatingIfNeeded: count))
            }
        }
        guard let wanted else { return (bytes, bounds) }
        var out: [UInt8] = []
        for line in 0..<lineCount {
            let template = codes.map { Int($0[line]) } ?? 0
            for step in firstStep[template]..<firstStep[template + 1] {
                let one = steps[step]
                if one.column >= 0 {
                    // No line with such a column is wanted.
                    if values[Int(one.column)].firstBound < 0 { continue }
                    let range = takeNext(Int(one.column), &next)
                    if wanted[line] { out.append(contentsOf: pool.bytes[range]) }
                } else if wanted[line] {
                    out.append(contentsOf: strings[Int(one.start)..<Int(one.start) + Int(one.length)])
                }
            }
            bounds.append(UInt32(truncatingIfNeeded: out.count))
        }
        return (out, bounds)
    }

    @inline(__always)
    private func takeNext(_ column: Int, _ next: inout [Int]) -> Range<Int> {
        let one = values[column]
        var bound = one.firstBound
        if one.firstCode != nil {
            bound &+= Int(pool.codes[next[column]])
            next[column] &+= 1
        } else if !one.isConstant {
            bound = next[column]
            next[column] &+= 1
        }
        return Int(pool.bounds[bound])..<Int(pool.bounds[bound &+ 1])
    }

    @inline(__always)
    private static func copy(
        _ source: [UInt8], _ start: Int, _ length: Int, _ target: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int
    ) {
        precondition(start >= 0 && length >= 0 && length <= source.count &- start && length <= target.count &- count)
        guard length > 0, let base = target.baseAddress else { return }
        unsafe source.withUnsafeBufferPointer { bytes in
            guard let from = bytes.baseAddress else { return }
            unsafe (base + count).update(from: from + start, count: length)
        }
        count &+= length
    }
}
