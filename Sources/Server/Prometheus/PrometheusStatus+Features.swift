import PromQL
import Vectors
import Wire

extension PrometheusStatus {
    /// What this server can do, in the groups and names of Prometheus' `features`.
    func features() -> HTTPAnswer {
        let groups: [(name: String, features: [String])] = [
            (
                "api",
                [
                    "exclude_alerts", "explain", "label_values_match", "lifecycle", "otlp_write_receiver", "query_stats",
                    "query_warnings", "remote_read", "remote_write_receiver", "running_queries", "time_range_labels",
                    "time_range_series",
                ]
            ),
            ("otlp_receiver", ["delta_conversion", "grpc", "http_json", "http_protobuf"]),
            ("prometheus", ["exemplar_storage", "native_histograms", "out_of_order_ingestion"]),
            (
                "promql",
                [
                    "anchored", "at_modifier", "bool", "by", "duration_expr", "experimental_functions", "group_left",
                    "group_right", "ignoring", "negative_offset", "offset", "on", "smoothed", "subqueries",
                    "utf8_names", "without",
                ]
            ),
            ("promql_functions", FunctionSignature.all.map(\.name)),
            (
                "promql_operators",
                (BinaryOperator.allCases.map(\.rawValue) + AggregationOperator.allCases.map(\.rawValue)).sorted()
            ),
            ("rules", ["concurrent_groups", "keep_firing_for", "query_offset"]),
        ]
        return PrometheusEnvelope.success { json in
            json.beginObject()
            for (name, features) in groups {
                json.key(name)
                json.beginObject()
                for feature in features {
                    json.key(feature)
                    json.bool(true)
                }
                json.endObject()
            }
            json.endObject()
        }
    }
}
