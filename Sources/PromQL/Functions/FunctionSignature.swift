/// What a function takes and gives.
package struct FunctionSignature: Sendable {
    package let name: String
    package let arguments: [ValueType]
    /// How many of the last argument may be left out or repeated: 0 none, n up to n more than the others, -1 any
    /// number.
    package let variadic: Int
    package let returns: ValueType
    package let isExperimental: Bool

    package static func named(_ name: String) -> FunctionSignature? { table[name] }

    /// Every function, by name.
    package static var all: [FunctionSignature] { table.values.sorted { $0.name < $1.name } }

    private static let table: [String: FunctionSignature] = {
        var table: [String: FunctionSignature] = [:]
        func add(
            _ names: String, _ arguments: [ValueType], _ returns: ValueType = .vector, variadic: Int = 0,
            experimental: Bool = false
        ) {
            for name in names.split(separator: " ").map(String.init) {
                table[name] = FunctionSignature(
                    name: name, arguments: arguments, variadic: variadic, returns: returns, isExperimental: experimental
                )
            }
        }
        add(
            "abs ceil floor exp ln log2 log10 sqrt sgn deg rad acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh",
            [.vector])
        add("absent timestamp sort sort_desc", [.vector])
        add("histogram_count histogram_sum histogram_avg histogram_stddev histogram_stdvar", [.vector])
        add("round", [.vector, .scalar], variadic: 1)
        add("clamp", [.vector, .scalar, .scalar])
        add("clamp_min clamp_max", [.vector, .scalar])
        add("pi time", [], .scalar)
        add("year month day_of_month day_of_week day_of_year days_in_month hour minute", [.vector], variadic: 1)
        add("rate increase irate delta idelta deriv resets changes", [.matrix])
        add(
            "absent_over_time avg_over_time min_over_time max_over_time sum_over_time count_over_time stddev_over_time "
                + "stdvar_over_time last_over_time present_over_time first_over_time", [.matrix])
        add("quantile_over_time", [.scalar, .matrix])
        add("predict_linear", [.matrix, .scalar])
        add("scalar", [.vector], .scalar)
        add("vector", [.scalar])
        add("label_replace", [.vector, .string, .string, .string, .string])
        add("label_join", [.vector, .string, .string, .string], variadic: -1)
        add("histogram_quantile", [.scalar, .vector])
        add("histogram_fraction", [.scalar, .scalar, .vector])
        add("start end range step", [], .scalar, experimental: true)
        add("min_of max_of", [.scalar, .scalar], .scalar, experimental: true)
        add(
            "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_min_over_time ts_of_max_over_time",
            [.matrix],
            experimental: true)
        add("double_exponential_smoothing", [.matrix, .scalar, .scalar], experimental: true)
        add("sort_by_label sort_by_label_desc", [.vector, .string], variadic: -1, experimental: true)
        add("info", [.vector, .vector], variadic: 1, experimental: true)
        add("histogram_quantiles", [.vector, .string, .scalar, .scalar], variadic: 9, experimental: true)
        add("start_timestamp", [.vector], experimental: true)
        return table
    }()
}
