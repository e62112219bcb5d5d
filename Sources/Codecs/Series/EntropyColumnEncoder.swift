/// How much a column's writer looks for the smallest form.
package enum ColumnEffort: Sendable {
    /// Of all forms the smallest.
    case thorough
    /// Short columns are packed as they are: for files that are soon read and written again with their neighbours.
    case quick
}

/// Writes ``EntropyColumn``s; holds the memory that it works in, so that a column allocates next to nothing.
package struct EntropyColumnEncoder {
    /// Residuals of order 0, 1 and 2.
    private var residuals: [[Int64]] = [[], [], []]
    /// Zero bits at the end of all residuals of an order, taken away.
    private var units = [0, 0, 0]
    private var table = EntropyTable.Encoder()
    private var steps: [UInt32] = []
    private var packed: [UInt64] = []

    /// How residuals would be written, and about how many bits that takes.
    private struct Plan {
        var bits = Int.max
        var isPacked = true
        var base: Int64 = 0
        /// Of the packed form.
        var width = 0
        var shift = 0
        /// Of ``fineCounts``, `1 << merged` make one token.
        var tokens = 0
        var classes: [UInt8] = []
        var escapes = 0
        /// Residuals outside are escapes.
        var low: Int64 = .min
        var high: Int64 = .max
    }

    /// Columns below this are packed at once.
    private let packedBelow: Int

    package init(effort: ColumnEffort = .thorough) {
        packedBelow = effort == .quick ? EntropyColumnEncoder.shortestQuick : EntropyColumnEncoder.shortest
    }

    package mutating func encode(_ values: [Int64]) -> [UInt8] {
        var writer = ByteWriter()
        encode(values, into: &writer)
        return writer.bytes
    }

    package mutating func encode(_ values: [Int64], into writer: inout ByteWriter) {
        guard let first = values.first else { return }
        if values.count < packedBelow { return encodeShort(values, into: &writer) }
        let costs = prepare(values)
        if residuals[1].allSatisfy({ $0 == residuals[1][0] }) {
            let difference = values.count > 1 ? values[1] &- first : 0
            if difference == 0 {
                writer.write(EntropyColumn.Mode.constant.rawValue)
                writer.writeZigzag(first)
            } else {
                writer.write(EntropyColumn.Mode.linear.rawValue)
                writer.writeZigzag(first)
                writer.writeZigzag(difference)
            }
            return
        }
        let least = costs.min() ?? 0
        var order = 0
        var plan = Plan()
        for candidate in 0..<3 where candidate < values.count && costs[candidate] <= least + least / 3 + 16 {
            let one = EntropyColumnEncoder.plan(residuals[candidate])
            if one.bits &+ candidate &* 12 < (plan.bits == Int.max ? Int.max : plan.bits &+ order &* 12) {
                plan = one
                order = candidate
            }
        }
        let mode = plan.isPacked ? EntropyColumn.Mode.packed : .entropy
        writer.write(mode.rawValue | UInt8(order) << 4 | (units[order] > 0 ? 64 : 0))
        if order > 0 { writer.writeZigzag(first) }
        if order > 1 { writer.writeZigzag(values[1] &- first) }
        if units[order] > 0 { writer.write(UInt8(units[order])) }
        if plan.isPacked {
            writePacked(residuals[order], plan, into: &writer)
        } else {
            writeEntropy(residuals[order], plan, into: &writer)
        }
    }

    /// Columns below are packed at once: tables do not pay there, nor does looking for the best way.
    package static let shortest = 40
    private static let shortestQuick = 160

    private mutating func encodeShort(_ values: [Int64], into writer: inout ByteWriter) {
        let first = values[0]
        let difference = values.count > 1 ? values[1] &- first : 0
        var (least, most) = (first, first)
        var (leastStep, mostStep) = (difference, difference)
        var before = first
        for value in values.dropFirst() {
            least = min(least, value)
            most = max(most, value)
            let step = value &- before
            leastStep = min(leastStep, step)
            mostStep = max(mostStep, step)
            before = value
        }
        if leastStep == mostStep {
            let mode = difference == 0 ? EntropyColumn.Mode.constant : .linear
            writer.write(mode.rawValue)
            writer.writeZigzag(first)
            if difference != 0 { writer.writeZigzag(difference) }
            return
        }
        let width = BitPacking.width(UInt64(bitPattern: most &- least))
        let stepWidth = BitPacking.width(UInt64(bitPattern: mostStep &- leastStep))
        let order = stepWidth * (values.count - 1) + 16 < width * values.count ? 1 : 0
        writer.write(EntropyColumn.Mode.packed.rawValue | UInt8(order) << 4)
        var plan = Plan()
        plan.base = order == 1 ? leastStep : least
        plan.width = order == 1 ? stepWidth : width
        if order == 1 {
            writer.writeZigzag(first)
            residuals[1].removeAll(keepingCapacity: true)
            for index in 1..<values.count { residuals[1].append(values[index] &- values[index - 1]) }
        }
        writePacked(order == 1 ? residuals[1] : values, plan, into: &writer)
    }

    // MARK: Choosing

    /// Fills ``residuals`` and answers for each order the bits that distances from a middle value take.
    private mutating func prepare(_ values: [Int64]) -> [Int] {
        residuals[0] = values
        for order in 1..<3 {
            let count = max(values.count - order, 0)
            var differences = residuals[order]
            residuals[order] = []
            differences.removeAll(keepingCapacity: true)
            differences.append(contentsOf: repeatElement(0, count: count))
            let before = residuals[order - 1]
            EntropyColumnEncoder.difference(before.span, into: &differences)
            residuals[order] = differences
        }
        for order in 0..<3 {
            var union: Int64 = 0
            for value in residuals[order] { union |= value }
            let zeros = union == 0 ? 0 : union.trailingZeroBitCount
            // One or two may be chance in a short column.
            units[order] = zeros > 2 && zeros < 63 ? zeros : 0
            if units[order] > 0 { for index in residuals[order].indices { residuals[order][index] >>= Int64(zeros) } }
        }
        return (0..<3).map { order in
            let values = residuals[order]
            let middle = EntropyColumnEncoder.sample(values, 15)
            guard !middle.isEmpty else { return order == 1 ? 0 : Int.max / 2 }
            return EntropyColumnEncoder.bits(values.span, around: middle[middle.count / 2])
        }
    }

    private static func difference(_ values: Span<Int64>, into differences: inout [Int64]) {
        var out = differences.mutableSpan
        precondition(out.count <= max(values.count - 1, 0))
        for index in 0..<out.count {
            unsafe out[unchecked: index] = values[unchecked: index &+ 1] &- values[unchecked: index]
        }
    }

    private static func bits(_ values: Span<Int64>, around median: Int64) -> Int {
        var bits = 0
        for index in values.indices {
            bits &+= BitPacking.width(ZigZag.encode(unsafe values[unchecked: index] &- median))
        }
        return bits
    }

    /// Up to `count` values, evenly taken, in order of size.
    private static func sample(_ values: [Int64], _ count: Int) -> [Int64] {
        guard values.count > count else { return values.sorted() }
        return (0..<count).map { values[$0 * (values.count - 1) / (count - 1)] }.sorted()
    }

    private static func plan(_ residuals: [Int64]) -> Plan {
        guard var least = residuals.first else { return Plan(bits: 8) }
        var most = least
        for value in residuals {
            least = min(least, value)
            most = max(most, value)
        }
        let range = UInt64(bitPattern: most &- least)
        let width = BitPacking.width(range)
        var best = Plan()
        best.base = least
        best.width = width
        best.bits = residuals.count &* width &+ 8
        guard width > 0, residuals.count >= 8 else { return best }
        let sample = EntropyColumnEncoder.sample(residuals, 31)
        let low = sample[2]
        let high = sample[28 * (sample.count - 1) / 30]
        let usual = UInt64(bitPattern: high &- low)
        if usual < UInt64(Int64.max) / 32, range / 8 > max(usual, 1) {
            // A few lie far out: they become escapes, so that each costs only itself.
            let room = Int64(usual) &* 2 &+ 2
            let plan = entropyPlan(
                residuals, least: low &- least > room ? low &- room : least,
                most: most &- high > room ? high &+ room : most, escapeBits: (width + 6) / 7 * 8)
            if plan.bits < best.bits - best.bits / 64 { best = plan }
            if plan.escapes <= residuals.count / 16 { return best }
        }
        let plan = entropyPlan(residuals, least: least, most: most, escapeBits: 0)
        // Bit packing is quicker to read: a difference of a hundredth is not worth the tables.
        if plan.bits < best.bits - (best.isPacked ? best.bits / 64 : 0) { best = plan }
        return best
    }

    private static func entropyPlan(_ residuals: [Int64], least: Int64, most: Int64, escapeBits: Int) -> Plan {
        let range = UInt64(bitPattern: most &- least)
        // One token may be needed for escapes.
        let fine = max(0, BitPacking.width(range) &- 5)
        guard fine <= EntropyColumn.maximumShift else { return Plan() }
        var counts = [Int](repeating: 0, count: 32)
        var escapes = 0
        unsafe counts.withUnsafeMutableBufferPointer { counts in
            for value in residuals {
                let distance = UInt64(bitPattern: value &- least)
                if distance > range {
                    escapes &+= 1
                } else {
                    unsafe counts[Int(truncatingIfNeeded: distance &>> UInt64(fine))] &+= 1
                }
            }
        }
        var best = Plan()
        for merged in 0..<4 where fine + merged <= EntropyColumn.maximumShift {
            if merged > 0 {
                for index in 0..<counts.count / 2 { counts[index] = counts[2 * index] &+ counts[2 * index + 1] }
                counts.removeSubrange(counts.count / 2..<counts.count)
            }
            while counts.count > 1, counts.last == 0 { counts.removeLast() }
            let tokens = counts.count + (escapes > 0 ? 1 : 0)
            var bits = Entropy.bits(counts, escapes, total: residuals.count)
            bits &+= residuals.count &* (fine + merged) &+ tokens &* 4 &+ escapes &* escapeBits &+ 32
            if bits < best.bits {
                let largest = max(counts.max() ?? 0, escapes)
                best.bits = bits
                best.isPacked = false
                best.base = least
                best.shift = fine + merged
                best.classes = counts.map { EntropyTable.weightClass($0, largest: largest) }
                if escapes > 0 { best.classes.append(EntropyTable.weightClass(escapes, largest: largest)) }
                best.escapes = escapes
                best.low = least
                best.high = most
            }
            if counts.count <= 2 { break }
            if counts.count % 2 == 1 { counts.append(0) }
        }
        return best
    }

    // MARK: Writing

    private mutating func writePacked(_ residuals: [Int64], _ plan: Plan, into writer: inout ByteWriter) {
        writer.writeZigzag(plan.base)
        writer.write(UInt8(plan.width))
        packed.removeAll(keepingCapacity: true)
        for value in residuals { packed.append(UInt64(bitPattern: value &- plan.base)) }
        BitPacking.pack(packed, width: plan.width, into: &writer)
    }

    private mutating func writeEntropy(_ residuals: [Int64], _ plan: Plan, into writer: inout ByteWriter) {
        writer.writeZigzag(plan.base)
        writer.write(UInt8(plan.shift) | (plan.escapes > 0 ? 128 : 0))
        writer.write(UInt8(plan.classes.count))
        for index in stride(from: 0, to: plan.classes.count, by: 2) {
            writer.write(plan.classes[index] | (index + 1 < plan.classes.count ? plan.classes[index + 1] << 4 : 0))
        }
        let range = UInt64(bitPattern: plan.high &- plan.low)
        if plan.escapes > 0 {
            writer.writeVarint(plan.escapes)
            for value in residuals where UInt64(bitPattern: value &- plan.low) > range { writer.writeZigzag(value) }
        }
        let log = EntropyTable.log(count: residuals.count, tokens: plan.classes.count)
        guard let shares = EntropyTable.shares(plan.classes, log: log) else { return }
        table.build(shares, log: log)
        // From the last sample to the first, as the decoder's state comes out of what follows.
        if steps.count < residuals.count { steps = [UInt32](repeating: 0, count: residuals.count) }
        let escape = plan.classes.count - 1
        let shift = UInt64(plan.shift)
        var state = 0
        for index in stride(from: residuals.count - 1, through: 0, by: -1) {
            let distance = UInt64(bitPattern: residuals[index] &- plan.low)
            let token = distance > range ? escape : Int(truncatingIfNeeded: distance &>> shift)
            if index == residuals.count - 1 {
                state = table.first(token, share: shares[token])
                steps[index] = 0
            } else {
                let before = state
                let bits = table.step(&state, token)
                steps[index] = UInt32(truncatingIfNeeded: bits << 16 | before & ((1 << bits) - 1))
            }
        }
        let mask: UInt64 = (1 &<< shift) &- 1
        var output = BitAppender(writer)
        output.append(UInt64(state & ((1 << log) - 1)), log)
        for index in residuals.indices {
            let distance = UInt64(bitPattern: residuals[index] &- plan.low)
            let low = distance > range ? 0 : distance & mask
            let step = steps[index]
            output.append(low | UInt64(step & 0xffff) &<< shift, plan.shift &+ Int(step >> 16))
        }
        writer = output.finished()
    }
}

/// The information in counts.
enum Entropy {
    /// n × log2(n).
    private static let terms: [Float] = (0...8192).map { count in
        guard count > 1 else { return 0 }
        // log2 without a library: the exponent, and a series for what is left of it.
        let value = Double(count)
        let y = (value.significand - 1) / (value.significand + 1)
        let ln = 2 * (y + y * y * y / 3 + y * y * y * y * y / 5 + y * y * y * y * y * y * y / 7)
        return Float(value * (Double(value.exponent) + ln * 1.442_695_040_888_963))
    }

    private static func term(_ count: Int) -> Float {
        count < terms.count ? terms[count] : Float(count) * (terms[8192] / 8192 + Float(count / 8192))
    }

    static func bits(_ counts: [Int], _ more: Int, total: Int) -> Int {
        var sum = term(total) - term(more)
        for count in counts { sum -= term(count) }
        return Int(max(sum, 0))
    }
}

/// Fields of up to 57 bits, one after the other behind whole bytes.
struct BitAppender {
    private var writer: ByteWriter
    private var pending: UInt64 = 0
    private var used = 0

    init(_ writer: consuming ByteWriter) { self.writer = writer }

    @inline(__always)
    mutating func append(_ value: UInt64, _ bits: Int) {
        pending |= value &<< UInt64(used)
        let total = used &+ bits
        if total >= 64 {
            writer.writeFixed64(pending)
            pending = used == 0 ? 0 : value &>> UInt64(64 &- used)
            used = total &- 64
        } else {
            used = total
        }
    }

    consuming func finished() -> ByteWriter {
        while used > 0 {
            writer.write(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            used -= 8
        }
        return writer
    }
}
