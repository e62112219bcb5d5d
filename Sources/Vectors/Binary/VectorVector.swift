internal import Telemetry

/// A vector by a vector: elements meet in match groups, at every grid point by itself.
///
/// - Throws: Prometheus' matching errors (duplicates on the "one" side, implicit many-to-one, labels that are not
/// unique).
package func binary(
    _ operation: BinaryOperator, _ left: StepMatrix, _ right: StepMatrix, matching: VectorMatching,
    returnBool: Bool = false, names: NameRemoval = .eager, annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    if operation.isSetOperator { return try combineSets(operation, left, right, matching: matching) }
    let swapped = matching.cardinality == .oneToMany
    var join = VectorJoin(
        element: ElementOperation(operation: operation, returnBool: returnBool), matching: matching, names: names,
        swapped: swapped, many: swapped ? right : left, one: swapped ? left : right)
    try join.run(&annotations)
    return join.output.matrix
}

/// Gathers results by labels, and refuses two for one point.
private struct ResultBuilder {
    var matrix: StepMatrix
    private var index: [LabelSet: Int] = [:]
    /// The match group that wrote a point last; empty while all points are of ``owners``.
    private var writers: [[Int32]] = []
    /// The match group that wrote all points of a series, −1 for none.
    private var owners: [Int32] = []

    init(grid: StepGrid) { matrix = StepMatrix(grid: grid) }

    mutating func slot(_ labels: LabelSet, dropsName: Bool) -> Int {
        if let known = index[labels] { return known }
        index[labels] = matrix.series.count
        matrix.series.append(StepSeries(labels: labels, count: matrix.grid.count, dropsName: dropsName))
        writers.append([])
        owners.append(-1)
        return matrix.series.count - 1
    }

    /// All that a match group gives to a series.
    mutating func add(
        _ labels: LabelSet, dropsName: Bool, values: [Double], present: [Bool], group: Int
    ) throws(VectorError) {
        guard let known = index[labels] else {
            index[labels] = matrix.series.count
            matrix.series.append(StepSeries(labels: labels, values: values, present: present, dropsName: dropsName))
            writers.append([])
            owners.append(Int32(truncatingIfNeeded: group))
            return
        }
        for i in values.indices where present[i] {
            try claim(known, i, group: group)
            matrix.series[known].set(values[i], at: i)
        }
    }

    mutating func claim(_ slot: Int, _ step: Int, group: Int) throws(VectorError) {
        if writers[slot].isEmpty {
            let owner = owners[slot]
            writers[slot] = matrix.series[slot].present.map { $0 ? owner : -1 }
        }
        let writer = Int(writers[slot][step])
        if writer == group { throw .ambiguousGrouping }
        if writer >= 0 { throw .sameLabelset }
        writers[slot][step] = Int32(truncatingIfNeeded: group)
    }
}

private struct MatchGroup {
    let signature: LabelSet
    var many: [Int] = []
    var one: [Int] = []
}

private struct VectorJoin {
    let element: ElementOperation
    let matching: VectorMatching
    let names: NameRemoval
    let swapped: Bool
    let many: StepMatrix
    let one: StepMatrix
    var output: ResultBuilder
    /// The fill values, by side.
    let fillMany: Double?
    let fillOne: Double?

    init(
        element: ElementOperation, matching: VectorMatching, names: NameRemoval, swapped: Bool, many: StepMatrix,
        one: StepMatrix
    ) {
        self.element = element
        self.matching = matching
        self.names = names
        self.swapped = swapped
        self.many = many
        self.one = one
        output = ResultBuilder(grid: many.grid)
        // Prometheus swaps the sides of `group_right` and not their fill values: `fill_left` is always for the "many" side.
        fillMany = matching.fillLeft
        fillOne = matching.fillRight
    }

    mutating func run(_ annotations: inout Annotations) throws(VectorError) {
        // One empty side, nothing to fill in: no pair, and no complaint about duplicates either.
        if many.series.isEmpty && fillMany == nil || one.series.isEmpty && fillOne == nil { return }
        let groups = matchGroups()
        var manyIsPresent: [Bool]?
        for at in groups.indices {
            let group = groups[at]
            if group.one.count > 1 {
                if manyIsPresent == nil { manyIsPresent = anyPresent(many) }
                try checkUnique(group, where: manyIsPresent ?? [])
            }
            if group.many.isEmpty && fillMany == nil || group.one.isEmpty && fillOne == nil { continue }
            try join(group, at, &annotations)
        }
        output.matrix.removeEmptySeries()
    }

    private func matchGroups() -> [MatchGroup] {
        var groups: [MatchGroup] = []
        var index: [LabelSet: Int] = [:]
        func group(_ labels: LabelSet) -> Int {
            let key = matching.signature(of: labels)
            if let known = index[key] { return known }
            index[key] = groups.count
            groups.append(MatchGroup(signature: key))
            return groups.count - 1
        }
        for (at, series) in many.series.enumerated() { groups[group(series.labels)].many.append(at) }
        for (at, series) in one.series.enumerated() { groups[group(series.labels)].one.append(at) }
        return groups
    }

    private func anyPresent(_ matrix: StepMatrix) -> [Bool] {
        var any = [Bool](repeating: false, count: matrix.grid.count)
        for series in matrix.series { for i in any.indices where series.present[i] { any[i] = true } }
        return any
    }

    private func checkUnique(_ group: MatchGroup, where manyIsPresent: [Bool]) throws(VectorError) {
        for step in 0..<one.grid.count where manyIsPresent[step] || fillMany != nil {
            var first: Int?
            for candidate in group.one where one.series[candidate].present[step] {
                guard let earlier = first else {
                    first = candidate
                    continue
                }
                throw .duplicateSeries(
                    group: braced(group.signature), side: swapped ? "left" : "right",
                    first: braced(one.series[candidate].labels), second: braced(one.series[earlier].labels))
            }
        }
    }

    private mutating func join(
        _ group: MatchGroup, _ groupIndex: Int, _ annotations: inout Annotations
    ) throws(VectorError) {
        if try joinFloats(group, groupIndex) { return }
        let count = many.grid.count
        // At each point at most one of the "one" side is there: which?
        var oneAt = [Int32](repeating: -1, count: count)
        for candidate in group.one {
            let present = one.series[candidate].present
            for i in 0..<count where present[i] { oneAt[i] = Int32(truncatingIfNeeded: candidate) }
        }
        var matched = matching.cardinality == .oneToOne ? [Bool](repeating: false, count: count) : []
        for member in group.many {
            let series = many.series[member]
            var lastOne: Int32 = -2
            var slot = 0
            for i in 0..<count where series.present[i] {
                let partner = oneAt[i]
                guard partner >= 0 || fillOne != nil else { continue }
                guard
                    let result = combine(
                        series.element(at: i),
                        partner >= 0 ? one.series[Int(partner)].element(at: i) : .float(fillOne ?? 0),
                        &annotations)
                else { continue }
                if partner != lastOne {
                    slot = self.slot(series, partner >= 0 ? one.series[Int(partner)].labels : group.signature)
                    lastOne = partner
                }
                if matching.cardinality == .oneToOne {
                    if matched[i] { throw .implicitManyToOne }
                    matched[i] = true
                }
                try output.claim(slot, i, group: groupIndex)
                output.matrix.series[slot].set(result, at: i)
            }
        }
        if let fillMany { try fill(group, groupIndex, oneAt, fillMany, &annotations) }
    }

    /// The usual case, without a question at each point: one series on the "one" side, nothing to fill in, no histograms.
    private mutating func joinFloats(_ group: MatchGroup, _ groupIndex: Int) throws(VectorError) -> Bool {
        guard group.one.count == 1, let partner = group.one.first.map({ one.series[$0] }), partner.histograms == nil,
            fillOne == nil, fillMany == nil, !element.operation.isTrim,
            matching.cardinality != .oneToOne || group.many.count == 1,
            group.many.allSatisfy({ many.series[$0].histograms == nil })
        else { return false }
        for member in group.many {
            let series = many.series[member]
            var values = series.values
            var present = series.present
            for i in values.indices {
                guard present[i], partner.present[i] else {
                    present[i] = false
                    continue
                }
                let (left, right) =
                    swapped ? (partner.values[i], values[i]) : (values[i], partner.values[i])
                if let result = element.apply(left, right) { values[i] = result } else { present[i] = false }
            }
            guard present.contains(true) else { continue }
            let (labels, dropsName) = resultLabels(series, partner.labels)
            try output.add(labels, dropsName: dropsName, values: values, present: present, group: groupIndex)
        }
        return true
    }

    /// Points at which only the "one" side is there.
    private mutating func fill(
        _ group: MatchGroup, _ groupIndex: Int, _ oneAt: [Int32], _ value: Double, _ annotations: inout Annotations
    ) throws(VectorError) {
        for i in 0..<many.grid.count where oneAt[i] >= 0 {
            if group.many.contains(where: { many.series[$0].present[i] }) { continue }
            let partner = one.series[Int(oneAt[i])]
            guard let result = combine(.float(value), partner.element(at: i), &annotations) else { continue }
            var base = StepSeries(labels: group.signature, count: 0)
            base.dropsName = partner.dropsName
            let slot = self.slot(base, partner.labels)
            try output.claim(slot, i, group: groupIndex)
            output.matrix.series[slot].set(result, at: i)
        }
    }

    private func combine(
        _ manyElement: VectorElement, _ oneElement: VectorElement, _ annotations: inout Annotations
    ) -> VectorElement? {
        let left = swapped ? oneElement : manyElement
        let right = swapped ? manyElement : oneElement
        if case .float(let a) = left, case .float(let b) = right, !element.operation.isTrim {
            return element.apply(a, b).map { .float($0) }
        }
        return element.apply(left, right, &annotations)
    }

    private mutating func slot(_ series: StepSeries, _ oneLabels: LabelSet) -> Int {
        let (labels, dropsName) = resultLabels(series, oneLabels)
        return output.slot(labels, dropsName: dropsName)
    }

    private func resultLabels(_ series: StepSeries, _ oneLabels: LabelSet) -> (LabelSet, dropsName: Bool) {
        var labels = series.labels
        let dropsName = element.operation.isArithmetic || element.returnBool
        if dropsName, names == .eager { labels = labels.droppingMetricIdentity }
        if matching.cardinality == .oneToOne {
            labels = matching.on ? labels.keeping(matching.labels) : labels.dropping(matching.labels)
        }
        for name in matching.include { labels = labels.setting(name, to: oneLabels[name]) }
        return (labels, names == .delayed && (dropsName || series.dropsName))
    }

    /// Go prints labels with the metric name in front, and braces even if they are empty.
    /// As Prometheus spells labels in errors: the metric's name stands among them.
    private func braced(_ labels: LabelSet) -> String {
        var parts: [String] = []
        labels.forEach { name, value in
            parts.append((isLegacyLabelName(name) ? name : quoteGo(name)) + "=" + quoteGo(value))
        }
        return "{" + parts.joined(separator: ", ") + "}"
    }
}
