internal import Storage
internal import Telemetry
internal import Vectors

/// `info(v, {…})`: adds the labels of info series with the same `instance` and `job`.
enum InfoFunction {
    static let identifying = ["instance", "job"]

    /// Of the second argument.
    static func matchers(_ call: FunctionCall) -> [Matcher] {
        guard call.arguments.count > 1, case .vector(let selector) = call.arguments[1].node else { return [] }
        return selector.allMatchers
    }

    /// What the info series are fetched by: their names. Data matchers take their part of what came.
    static func nameMatchers(_ call: FunctionCall) -> [Matcher] {
        let names = matchers(call).filter { $0.name == "__name__" }
        if names.isEmpty { return [Matcher("__name__", .equal, "target_info")] }
        if names.contains(where: { $0.operation == .equal || $0.operation == .regex }) { return names }
        // Exclusions alone are from all that is named like an info metric.
        return names + [Matcher("__name__", .regex, ".+_info")]
    }

    /// The time whose info series belong to the base samples of `time`: the argument's `@` and offset count for both.
    static func time(of argument: Expression, at time: Int64, _ setting: QuerySetting) throws(PromQLError) -> Int64 {
        switch argument.node {
        case .vector(let selector), .matrix(let selector, _):
            return setting.reference(selector.at, time) &- (try setting.offset(selector.offset))
        case .subquery(let subquery):
            let outer = setting.reference(subquery.at, time) &- (try setting.offset(subquery.offset))
            return try self.time(of: subquery.inner, at: outer, setting)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner):
            return try self.time(of: inner, at: time, setting)
        case .binary(let binary):
            let side = binary.left.type == .vector ? binary.left : binary.right
            return try self.time(of: side, at: time, setting)
        case .aggregate(let aggregation): return try self.time(of: aggregation.inner, at: time, setting)
        case .call(let call):
            guard let inner = call.arguments.first(where: { $0.type == .vector || $0.type == .matrix }) else {
                return time
            }
            return try self.time(of: inner, at: time, setting)
        case .number, .string: return time
        }
    }
}

/// An info series at the points of the grid.
private struct InfoSeries {
    var labels: LabelSet
    var key: LabelSet
    var present: [Bool]
    var times: [Int64]
}

extension Evaluator {
    mutating func info(_ call: FunctionCall, _ expression: Expression, _ grid: StepGrid) throws -> StepMatrix {
        let base = try vector(call.arguments[0], grid)
        let names = InfoFunction.nameMatchers(call)
        let nameTests = try names.map { try CompiledMatcher($0) }
        // Only positive conditions make a base series an info series.
        let positive = try names.filter { $0.operation == .equal || $0.operation == .regex }.map {
            try CompiledMatcher($0)
        }
        let data = try InfoFunction.matchers(call).filter { $0.name != "__name__" }.map { try CompiledMatcher($0) }
        let times = try (0..<grid.count).map {
            try InfoFunction.time(of: call.arguments[0], at: grid.timestamp(at: $0), setting)
        }
        let sources = try infoSeries(expression, data, times)
        var output = StepMatrix(grid: grid)
        var slots: [LabelSet: Int] = [:]
        for series in base.series {
            let name = series.labels.metricName ?? ""
            if !positive.isEmpty, nameTests.allSatisfy({ $0.matches(value: name) }) {
                output.series.append(series)
                continue
            }
            let key = series.labels.keeping(InfoFunction.identifying)
            let candidates = key.isEmpty ? [] : sources.filter { $0.key == key }
            for i in 0..<grid.count where series.present[i] {
                guard let labels = try enriched(series.labels, candidates, data, i) else { continue }
                let slot: Int
                if let known = slots[labels] {
                    slot = known
                } else {
                    slot = output.series.count
                    slots[labels] = slot
                    output.series.append(StepSeries(labels: labels, count: grid.count, dropsName: series.dropsName))
                }
                if output.series[slot].present[i] { throw VectorError.sameLabelset }
                if let histogram = series.histogram(at: i) {
                    output.series[slot].set(histogram, at: i)
                } else {
                    output.series[slot].set(series.values[i], at: i)
                }
            }
        }
        return output
    }

    /// Those that the data matchers select: others are not there, however new they are.
    private func infoSeries(
        _ expression: Expression, _ data: [CompiledMatcher], _ times: [Int64]
    ) throws -> [InfoSeries] {
        var out: [InfoSeries] = []
        for series in columns[SelectorPlan.key(infoAt: expression.range)] ?? []
        where data.allSatisfy({ $0.matches(series.labels) }) {
            guard series.histograms.isEmpty else {
                throw PromQLError.evaluation("this should be an info metric with float samples: \(series.labels)")
            }
            var info = InfoSeries(
                labels: series.labels, key: series.labels.keeping(InfoFunction.identifying),
                present: [Bool](repeating: false, count: times.count), times: [Int64](repeating: 0, count: times.count))
            var next = 0
            for (i, time) in times.enumerated() {
                while next < series.timestamps.count, series.timestamps[next] <= time { next += 1 }
                guard next > 0, series.timestamps[next - 1] > time &- setting.lookback,
                    !SpecialValue.isStaleMarker(series.values[next - 1])
                else { continue }
                info.present[i] = true
                info.times[i] = series.timestamps[next - 1]
            }
            out.append(info)
        }
        return out
    }

    /// The base labels with those of the newest info series of each name; nil where a data matcher wants a label that
    /// no info series has.
    private func enriched(
        _ base: LabelSet, _ candidates: [InfoSeries], _ data: [CompiledMatcher], _ step: Int
    ) throws -> LabelSet? {
        var newest: [String: InfoSeries] = [:]
        for candidate in candidates where candidate.present[step] {
            let name = candidate.labels.metricName ?? ""
            if let known = newest[name] {
                let (time, other) = (known.times[step], candidate.times[step])
                if time == other {
                    throw PromQLError.evaluation(
                        "found duplicate series for info metric: existing \(known.labels) @ \(time), "
                            + "new \(candidate.labels) @ \(other)")
                }
                if time > other { continue }
            }
            newest[name] = candidate
        }
        var added: [String: String] = [:]
        var matched = false
        for (_, info) in newest.sorted(by: { $0.key < $1.key }) {
            matched = true
            for label in info.labels.labels where label.name != "__name__" {
                if InfoFunction.identifying.contains(label.name) || base[label.name] != nil { continue }
                if !data.isEmpty, !data.contains(where: { $0.name == label.name }) { continue }
                if let known = added[label.name], known != label.value {
                    throw PromQLError.evaluation(
                        "conflicting label: \(label.name), values: \(known), \(label.value)")
                }
                added[label.name] = label.value
            }
        }
        if !matched, data.contains(where: { !$0.matchesEmpty }) { return nil }
        return base.merging(LabelSet(added))
    }
}
