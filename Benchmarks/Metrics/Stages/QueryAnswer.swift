import Foundation

/// A query's answer, in a form that can be compared.
struct QueryAnswer {
    struct Point {
        var time: Double
        var value: Double
    }

    /// By label set, spelled out in order.
    var series: [String: [Point]] = [:]

    /// Nil where it is no answer of success.
    init?(_ body: [UInt8]) {
        guard let top = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any],
            top["status"] as? String == "success", let data = top["data"] as? [String: Any]
        else { return nil }
        guard let result = data["result"] as? [[String: Any]] else {
            if let pair = data["result"] as? [Any], let point = Self.point(pair) { series[""] = [point] }
            return
        }
        for entry in result {
            let metric = entry["metric"] as? [String: String] ?? [:]
            let key = metric.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
            if let values = entry["values"] as? [[Any]] {
                series[key] = values.compactMap(Self.point)
            } else if let pair = entry["value"] as? [Any], let point = Self.point(pair) {
                series[key] = [point]
            }
        }
    }

    private static func point(_ pair: [Any]) -> Point? {
        guard pair.count == 2, let time = pair[0] as? NSNumber, let text = pair[1] as? String, let value = Double(text)
        else { return nil }
        return Point(time: time.doubleValue, value: value)
    }

    /// Where the two differ by more than `tolerance`, relative; nil where they agree.
    func difference(from other: QueryAnswer, tolerance: Double) -> String? {
        for key in series.keys.sorted() where other.series[key] == nil { return "only one has {\(key)}" }
        for key in other.series.keys.sorted() where series[key] == nil { return "only the other has {\(key)}" }
        for (key, points) in series {
            guard let others = other.series[key] else { continue }
            guard points.count == others.count else { return "{\(key)}: \(points.count) points, not \(others.count)" }
            for (a, b) in zip(points, others) {
                let isSame =
                    a.value == b.value || (a.value.isNaN && b.value.isNaN)
                    || abs(a.value - b.value) <= tolerance * max(abs(a.value), abs(b.value))
                if abs(a.time - b.time) > 0.0005 || !isSame {
                    return "{\(key)} at \(a.time): \(a.value), not \(b.value)"
                }
            }
        }
        return nil
    }
}
