import Telemetry
import YAMLReading

/// A node of Alertmanager's routing tree; children inherit everything but matchers and `continue`.
package struct Route: Sendable, Hashable {
    package var receiver: String
    /// nil groups by all labels (`['...']`).
    package var groupBy: [String]?
    /// Milliseconds.
    package var groupWait: Int64 = 30_000
    package var groupInterval: Int64 = 300_000
    package var repeatInterval: Int64 = 14_400_000
    package var matchers: [AlertMatcher] = []
    package var continues = false
    package var routes: [Route] = []
    /// `{}/{team="x"}`: the way to this node, the first part of a group key.
    package var key = "{}"

    /// Times are added to the clock: a thousand years are as good as for ever.
    private static let longest: Int64 = 1000 * 31_536_000_000

    private static let keys = [
        "receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "matchers", "match", "match_re",
        "continue",
        "routes", "mute_time_intervals", "active_time_intervals",
    ]

    static func readRoot(_ node: YAMLNode, receivers: [String]) throws(YAMLError) -> Route {
        let keys = try node.mapping(Route.keys)
        guard keys["receiver"] != nil else { throw node.error("root route must specify a default receiver") }
        for key in ["matchers", "match", "match_re", "continue"] where keys[key] != nil {
            throw (keys[key] ?? node).error("root route must not have any \(key)")
        }
        return try read(node, parent: Route(receiver: "", groupBy: []), receivers: receivers)
    }

    private static func read(_ node: YAMLNode, parent: Route, receivers: [String]) throws(YAMLError) -> Route {
        let keys = try node.mapping(Route.keys)
        var route = parent
        route.routes = []
        route.matchers = []
        route.continues = try keys["continue"]?.bool() ?? false
        if let receiver = try keys["receiver"]?.string() { route.receiver = receiver }
        if !receivers.contains(route.receiver) {
            throw (keys["receiver"] ?? node).error("undefined receiver \"\(route.receiver)\" used in route")
        }
        if let names = try keys["group_by"]?.strings() {
            if names.contains("...") {
                guard names.count == 1 else {
                    throw (keys["group_by"] ?? node).error(
                        "cannot have wildcard group_by (`...`) and other labels at the same time")
                }
                route.groupBy = nil
            } else {
                guard Set(names).count == names.count else {
                    throw (keys["group_by"] ?? node).error("duplicated label in group_by")
                }
                route.groupBy = names.sorted()
            }
        }
        if let wait = try keys["group_wait"]?.duration() { route.groupWait = min(wait, longest) }
        if let node = keys["group_interval"] {
            route.groupInterval = min(try node.duration(), longest)
            if route.groupInterval == 0 { throw node.error("group_interval cannot be zero") }
        }
        if let node = keys["repeat_interval"] {
            route.repeatInterval = min(try node.duration(), longest)
            if route.repeatInterval == 0 { throw node.error("repeat_interval cannot be zero") }
        }
        for name in ["mute_time_intervals", "active_time_intervals"] where keys[name] != nil {
            throw (keys[name] ?? node).error("\(name) is not supported yet")
        }
        route.matchers = try readMatchers(keys)
        if !node.path.hasSuffix("route") {
            route.key = parent.key + "/{" + route.matchers.map(\.description).joined(separator: ",") + "}"
        }
        for child in try keys["routes"]?.list() ?? [] {
            route.routes.append(try read(child, parent: route, receivers: receivers))
        }
        return route
    }

    static func readMatchers(
        _ keys: [String: YAMLNode], matchers: String = "matchers", match: String = "match",
        matchRegex: String = "match_re"
    ) throws(YAMLError) -> [AlertMatcher] {
        var out: [AlertMatcher] = []
        for node in try keys[matchers]?.list() ?? [] {
            do { out += try AlertMatcher.parse(node.string()) } catch let error as YAMLError { throw error } catch {
                throw node.error("\(error)")
            }
        }
        for (key, operation) in [(match, Matcher.Operation.equal), (matchRegex, .regex)] {
            for (name, value) in try keys[key]?.entries() ?? [] {
                do { out.append(try AlertMatcher(Matcher(name, operation, value.string()))) } catch let error
                    as YAMLError
                {
                    throw error
                } catch {
                    throw value.error("\(error)")
                }
            }
        }
        return out.sorted { ($0.matcher.name, $0.matcher.value) < ($1.matcher.name, $1.matcher.value) }
    }

    /// The nodes an alert goes to: depth first, the first matching child stops its siblings unless it continues, and a
    /// node takes what none of its children took.
    package func matching(_ labels: LabelSet) -> [Route] {
        guard matchers.allSatisfy({ $0.matches(labels) }) else { return [] }
        var out: [Route] = []
        for child in routes {
            let found = child.matching(labels)
            out += found
            if !found.isEmpty && !child.continues { break }
        }
        return out.isEmpty ? [self] : out
    }

    package func groupLabels(of labels: LabelSet) -> LabelSet {
        guard let groupBy else { return labels }
        return labels.keeping(groupBy)
    }
}

/// While a source alert fires, targets with the same `equal` labels keep quiet.
package struct InhibitRule: Sendable, Hashable {
    package var source: [AlertMatcher]
    package var target: [AlertMatcher]
    package var equal: [String]

    static func read(_ node: YAMLNode) throws(YAMLError) -> InhibitRule {
        let keys = try node.mapping([
            "name", "source_matchers", "source_match", "source_match_re", "target_matchers", "target_match",
            "target_match_re", "equal",
        ])
        return InhibitRule(
            source: try Route.readMatchers(
                keys, matchers: "source_matchers", match: "source_match", matchRegex: "source_match_re"),
            target: try Route.readMatchers(
                keys, matchers: "target_matchers", match: "target_match", matchRegex: "target_match_re"),
            equal: try keys["equal"]?.strings() ?? [])
    }

    /// Whether `alert` is silenced by `other`, which fires.
    package func inhibits(_ alert: LabelSet, by other: LabelSet) -> Bool {
        guard target.allSatisfy({ $0.matches(alert) }), source.allSatisfy({ $0.matches(other) }) else { return false }
        // One alert on both sides is not inhibited by another of its kind.
        if source.allSatisfy({ $0.matches(alert) }) && target.allSatisfy({ $0.matches(other) }) { return false }
        return equal.allSatisfy { alert[$0] ?? "" == other[$0] ?? "" }
    }
}

/// Who is told. Webhooks are built in; the other kinds of Alertmanager are refused at load, never dropped in silence.
package struct Receiver: Sendable, Hashable {
    package var name: String
    package var webhooks: [Webhook] = []

    static func read(_ node: YAMLNode) throws(YAMLError) -> Receiver {
        let others = [
            "email_configs", "slack_configs", "telegram_configs", "discord_configs", "msteams_configs",
            "msteamsv2_configs",
            "pagerduty_configs", "opsgenie_configs", "sns_configs", "pushover_configs", "incidentio_configs",
            "jira_configs",
            "mattermost_configs", "rocketchat_configs", "victorops_configs", "webex_configs", "wechat_configs",
        ]
        let keys = try node.mapping(["name", "webhook_configs"] + others)
        guard let name = try keys["name"]?.string(), !name.isEmpty else { throw node.error("missing name in receiver") }
        for key in others where keys[key] != nil {
            throw (keys[key] ?? node).error("\(key) is not built in yet; use webhook_configs")
        }
        var receiver = Receiver(name: name)
        for webhook in try keys["webhook_configs"]?.list() ?? [] { receiver.webhooks.append(try Webhook.read(webhook)) }
        return receiver
    }
}
