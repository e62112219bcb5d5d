/// A query and how it is asked.
struct BenchmarkQuery: Sendable {
    enum Form: Sendable {
        case instant
        /// Over the last hour, with a point every so many seconds.
        case range(step: Int)
    }
    var name: String
    var expression: String
    var form: Form

    init(_ name: String, _ form: Form, _ expression: String) {
        self.name = name
        self.form = form
        self.expression = expression
    }

    /// The subquery's window begins between two of its steps: Prometheus 3 leaves out what lies on the border, 2
    /// does not.
    static let all: [BenchmarkQuery] = [
        .init(
            "one series", .range(step: 15), #"process_resident_memory_bytes{service="cart",instance=~"10.0.2.11:.*"}"#),
        .init("a gauge of every instance", .range(step: 60), "node_temperature_celsius{sensor=\"core0\"}"),
        .init("rate of one service", .range(step: 15), #"rate(http_requests_total{service="checkout"}[1m])"#),
        .init("rate by service", .range(step: 60), "sum by (service) (rate(http_requests_total[5m]))"),
        .init(
            "error ratio", .range(step: 60),
            #"sum by (service) (rate(http_requests_total{status=~"5.."}[5m]))"#
                + #" / sum by (service) (rate(http_requests_total[5m]))"#
        ),
        .init(
            "p99 of one service", .range(step: 30),
            #"histogram_quantile(0.99, sum by (le) "#
                + #"(rate(http_server_request_duration_seconds_bucket{service="payment"}[5m])))"#
        ),
        .init(
            "p95 by service", .range(step: 60),
            "histogram_quantile(0.95, sum by (le, service) (rate(http_server_request_duration_seconds_bucket[5m])))"),
        .init(
            "mean duration by handler", .range(step: 60),
            #"sum by (handler) (rate(http_server_request_duration_seconds_sum{region="eu-west-1"}[5m]))"#
                + #" / sum by (handler) (rate(http_server_request_duration_seconds_count{region="eu-west-1"}[5m]))"#
        ),
        .init("top five handlers", .instant, "topk(5, sum by (service, handler) (rate(http_requests_total[5m])))"),
        .init("series by name", .instant, "count by (__name__) ({service=\"search\"})"),
        .init("every series, counted", .instant, #"count({env="production"})"#),
        .init(
            "regex on values", .range(step: 60),
            #"sum(rate(http_requests_total{handler=~"/api/v1/(carts|orders|pay.*)/.*"}[5m]))"#),
        .init(
            "regex that excludes", .range(step: 60),
            #"sum by (table) (rate(db_client_operation_duration_seconds_count{table!~"s.*|p.*"}[5m]))"#),
        .init(
            "join with build info", .range(step: 60),
            "sum by (commit) (process_open_fds * on (instance) group_left (commit) build_info)"),
        .init(
            "CPU per order", .range(step: 60),
            "sum by (service) (rate(process_cpu_seconds_total[5m])) / sum by (service) (rate(shop_orders_total[5m]))"),
        .init("revenue in an hour", .instant, "sum by (country) (increase(shop_revenue_euros_total[1h]))"),
        .init("maximum over time", .range(step: 60), #"max_over_time(pool_connections{state="used"}[10m])"#),
        .init(
            "quantile over time", .range(step: 60),
            #"quantile_over_time(0.9, http_response_milliseconds{service="web",quantile="0.99"}[10m])"#),
        .init("subquery", .range(step: 60), #"max_over_time(sum by (service) (rate(shop_orders_total[1m]))[630s:1m])"#),
        .init(
            "deviation of memory", .range(step: 60),
            "avg by (service) (stddev_over_time(process_resident_memory_bytes[15m]))"),
    ]
}
