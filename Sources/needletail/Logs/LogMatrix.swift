import Foundation

/// The numbers of a LogQL metric query.
struct LogMatrix {
    struct Series {
        var labels: [String: String]
        /// Milliseconds and values, ascending.
        var points: [(time: Int64, value: Double)]
    }

    private struct Envelope: Decodable {
        struct Body: Decodable { var result: [Item] }
        struct Item: Decodable {
            var metric: [String: String]
            var values: [Point]?
            var value: Point?
        }
        struct Point: Decodable {
            var time: Double
            var value: String
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(Double.self)
                value = try list.decode(String.self)
            }
        }
        var data: Body
    }

    /// A vector's series have one point.
    static func read(_ data: Data) throws -> [Series] {
        let envelope: Envelope
        do { envelope = try JSONDecoder().decode(Envelope.self, from: data) } catch {
            throw CommandFailure("the server's answer cannot be read: \(error)")
        }
        return envelope.data.result.map { item in
            let points = (item.values ?? []) + (item.value.map { [$0] } ?? [])
            return Series(
                labels: item.metric,
                points: points.map { (Int64(($0.time * 1000).rounded()), Double($0.value) ?? .nan) })
        }
    }
}
