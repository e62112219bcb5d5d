import ShopLogs

/// One thing to ask, in the languages of the servers.
struct LogQuestion {
    enum Shape {
        case lines(limit: Int)
        /// Seconds.
        case overTime(step: Int)
        case once
    }

    var name: String
    var shape: Shape
    var logQL: String
    var logsQL: String

    static func needle(_ needle: ShopLogs.Needle) -> LogQuestion {
        LogQuestion(
            name: "needle \(needle.text)", shape: .lines(limit: 100),
            logQL: "{env=\"production\"} |= \"\(needle.text)\"", logsQL: "{env=\"production\"} ~\"\(needle.text)\"")
    }

    static let all: [LogQuestion] = [
        LogQuestion(
            name: "count over time by service", shape: .overTime(step: 300),
            logQL: "sum by (service_name) (count_over_time({env=\"production\"}[5m]))",
            logsQL: "{env=\"production\"} | stats by (service_name) count() hits"),
        LogQuestion(
            name: "JSON field filter", shape: .lines(limit: 1000),
            logQL: "{app=\"checkout\"} | json | status=`503`",
            logsQL: "{app=\"checkout\"} | unpack_json | filter status:=503"),
        LogQuestion(
            name: "regular expression", shape: .once,
            logQL: "sum(count_over_time({env=\"production\"} |~ \"timed out after [0-9]+ ms\" [8h]))",
            logsQL: "{env=\"production\"} ~\"timed out after [0-9]+ ms\" | stats count() hits"),
        LogQuestion(
            name: "tail of 1,000 by label", shape: .lines(limit: 1000), logQL: "{app=\"cart\"}",
            logsQL: "{app=\"cart\"} | sort by (_time) desc limit 1000"),
        LogQuestion(
            name: "count by level over everything", shape: .once,
            logQL: "sum by (detected_level) (count_over_time({env=\"production\"}[8h]))",
            logsQL: "{env=\"production\"} | stats by (level) count() hits"),
        LogQuestion(
            name: "rare phrase", shape: .lines(limit: 100),
            logQL: "{env=\"production\"} |= \"inventory is lower than the reservation\"",
            logsQL: "{env=\"production\"} \"inventory is lower than the reservation\""),
        LogQuestion(
            name: "scan without an index", shape: .once,
            logQL: "sum(count_over_time({env=\"production\"} |~ \"[x-z][a-c]{3}[0-9]q\" [8h]))",
            logsQL: "{env=\"production\"} ~\"[x-z][a-c]{3}[0-9]q\" | stats count() hits"),
    ]
}
