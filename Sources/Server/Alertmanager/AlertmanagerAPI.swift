import Alerting
import Foundation
import Telemetry

/// Alertmanager's API v2, under its own root and under `/alertmanager`.
struct AlertmanagerAPI {
    let process: ServerProcess

    private static let errors: Routes.ErrorShaper = { error in
        switch error {
        case let failure as HTTPFailure:
            return (try? .encoding(failure.message, status: failure.status))
                ?? .text(failure.message, status: failure.status)
        case let error as SilenceError:
            if case .notFound = error {
                return (try? .encoding(error.description, status: 404)) ?? .text("", status: 404)
            }
            return (try? .encoding(error.description, status: 400)) ?? .text("", status: 400)
        default: return (try? .encoding("\(error)", status: 500)) ?? .text("", status: 500)
        }
    }

    func register(on routes: Routes) {
        func on(
            _ method: HTTPCall.Method, _ path: String,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(
                [method], "/api/v2\(path)", "/alertmanager/api/v2\(path)", errors: AlertmanagerAPI.errors,
                handler: handler)
        }
        on(.get, "/status") { _ in try status() }
        on(.get, "/receivers") { _ in
            try .encoding(process.dispatcher.configuration.receivers.map { ["name": $0.name] })
        }
        on(.get, "/alerts") { call in try alerts(call) }
        on(.post, "/alerts") { call in try postAlerts(call) }
        on(.get, "/alerts/groups") { call in try groups(call) }
        on(.get, "/silences") { call in try silences(call) }
        on(.post, "/silences") { call in try postSilence(call) }
        on(.get, "/silence/{id}") { call in
            let id = call.pathParameters["id"] ?? ""
            guard let silence = process.dispatcher.silences.silence(id) else { throw SilenceError.notFound(id) }
            return try .encoding(SilenceBody(silence, at: TimeParameters.nowMilliseconds))
        }
        on(.delete, "/silence/{id}") { call in
            try process.dispatcher.silences.expire(call.pathParameters["id"] ?? "", now: TimeParameters.nowMilliseconds)
            return HTTPAnswer()
        }
    }

    // MARK: Shapes

    private struct Status: Encodable {
        struct Cluster: Encodable {
            var name = ""
            var status = "disabled"
            var peers: [String] = []
        }
        struct Version: Encodable {
            // The generation of Alertmanager whose API this is; amtool compares it with its own.
            var version = "0.28.0"
            var revision = "needletail"
            var branch = ""
            var buildUser = ""
            var buildDate = ""
            var goVersion = ""
        }
        struct Config: Encodable { var original: String }
        var cluster = Cluster()
        var versionInfo = Version()
        var config: Config
        var uptime: String
    }

    struct AlertBody: Encodable {
        struct State: Encodable {
            var state: String
            var silencedBy: [String]
            var inhibitedBy: [String]
            var mutedBy: [String] = []
        }
        struct ReceiverName: Encodable { var name: String }
        var labels: [String: String]
        var annotations: [String: String]
        var receivers: [ReceiverName]
        var fingerprint: String
        var startsAt: String
        var updatedAt: String
        var endsAt: String
        var generatorURL: String
        var status: State
    }

    private struct GroupBody: Encodable {
        var labels: [String: String]
        var receiver: AlertBody.ReceiverName
        var alerts: [AlertBody]
    }

    private struct SilenceBody: Encodable {
        struct State: Encodable { var state: String }
        var id: String
        var matchers: [Silence.MatcherText]
        var startsAt: String
        var endsAt: String
        var updatedAt: String
        var createdBy: String
        var comment: String
        var status: State

        init(_ silence: Silence, at time: Int64) {
            id = silence.id
            matchers = silence.matchers
            startsAt = RFC3339.format(milliseconds: silence.startsAt)
            endsAt = RFC3339.format(milliseconds: silence.endsAt)
            updatedAt = RFC3339.format(milliseconds: silence.updatedAt)
            createdBy = silence.createdBy
            comment = silence.comment
            status = State(state: silence.state(at: time).rawValue)
        }
    }

    private struct PostedAlert: Decodable {
        var labels: [String: String]
        var annotations: [String: String]?
        var startsAt: String?
        var endsAt: String?
        var generatorURL: String?
    }

    private struct PostedSilence: Decodable {
        struct PostedMatcher: Decodable {
            var name: String
            var value: String
            var isRegex: Bool?
            var isEqual: Bool?
        }
        var id: String?
        var matchers: [PostedMatcher]
        var startsAt: String
        var endsAt: String
        var createdBy: String
        var comment: String
    }

    // MARK: Handlers

    private func status() throws -> HTTPAnswer {
        try .encoding(
            Status(
                config: .init(original: AlertmanagerConfigurationText.text(process.dispatcher.configuration)),
                uptime: RFC3339.format(milliseconds: process.startTime)))
    }

    private func filter(_ call: HTTPCall) throws -> [AlertMatcher] {
        do { return try call.parameters.values("filter").flatMap { try AlertMatcher.parse($0) } } catch {
            throw HTTPFailure(400, "\(error)")
        }
    }

    private func flag(_ call: HTTPCall, _ name: String) throws -> Bool {
        switch call.parameters[name] {
        case nil, "true", "1": return true
        case "false", "0": return false
        case let other?: throw HTTPFailure(400, "\(name) in query must be of type boolean: \"\(other)\"")
        }
    }

    /// The alerts that the request's flags and filters leave.
    private func shown(_ call: HTTPCall, _ alerts: [Alert]) throws -> [AlertBody] {
        let matchers = try filter(call)
        let active = try flag(call, "active")
        let silenced = try flag(call, "silenced")
        let inhibited = try flag(call, "inhibited")
        var receiver: AlertMatcher?
        if let pattern = call.parameters["receiver"] {
            do { receiver = try AlertMatcher(Matcher("receiver", .regex, pattern)) } catch {
                throw HTTPFailure(400, "failed to parse receiver param: \(error)")
            }
        }
        let time = TimeParameters.nowMilliseconds
        var out: [AlertBody] = []
        for alert in alerts where matchers.allSatisfy({ $0.matches(alert.labels) }) {
            let receivers = process.dispatcher.receivers(of: alert.labels)
            if let receiver, !receivers.contains(where: { receiver.matches(LabelSet([Label("receiver", $0)])) }) {
                continue
            }
            let silencedBy = process.dispatcher.silences.silencing(alert.labels, at: time)
            let inhibitedBy = process.dispatcher.inhibiting(alert.labels)
            let suppressed = !silencedBy.isEmpty || !inhibitedBy.isEmpty
            if !active && !suppressed || !silenced && !silencedBy.isEmpty || !inhibited && !inhibitedBy.isEmpty {
                continue
            }
            out.append(
                AlertBody(
                    labels: alert.labels.dictionary, annotations: alert.annotations,
                    receivers: receivers.map { .init(name: $0) }, fingerprint: alert.fingerprint,
                    startsAt: RFC3339.format(milliseconds: alert.startsAt),
                    updatedAt: RFC3339.format(milliseconds: alert.updatedAt),
                    endsAt: RFC3339.format(milliseconds: alert.endsAt), generatorURL: alert.generatorURL,
                    status: .init(
                        state: suppressed ? "suppressed" : "active", silencedBy: silencedBy, inhibitedBy: inhibitedBy)))
        }
        return out
    }

    private func alerts(_ call: HTTPCall) throws -> HTTPAnswer { try .encoding(shown(call, process.dispatcher.alerts)) }

    private func groups(_ call: HTTPCall) throws -> HTTPAnswer {
        var out: [GroupBody] = []
        for group in process.dispatcher.groups {
            let alerts = try shown(call, group.alerts)
            if alerts.isEmpty { continue }
            out.append(
                GroupBody(labels: group.labels.dictionary, receiver: .init(name: group.receiver), alerts: alerts))
        }
        return try .encoding(out)
    }

    /// Valid alerts are kept even where others of the same request are not.
    private func postAlerts(_ call: HTTPCall) throws -> HTTPAnswer {
        let now = TimeParameters.nowMilliseconds
        var alerts: [Alert] = []
        var errors: [String] = []
        for (i, posted) in try call.decodingJSON([PostedAlert].self).enumerated() {
            let labels = LabelSet(posted.labels)
            if labels.isEmpty {
                errors.append("alert \(i): at least one label pair required")
                continue
            }
            func time(_ name: String, _ text: String?) -> Int64?? {
                // Go clients write the zero time, with or without a fraction, for a time that is not given.
                guard let text, !text.isEmpty, !text.hasPrefix("0001-01-01T00:00:00") else { return .some(nil) }
                return RFC3339.parse(text).map { .some($0 / 1_000_000) } ?? .none
            }
            guard let startsAt = time("startsAt", posted.startsAt), let endsAt = time("endsAt", posted.endsAt) else {
                errors.append("alert \(i): startsAt and endsAt must be RFC 3339 times")
                continue
            }
            let start = startsAt ?? min(now, endsAt ?? now)
            let end = endsAt ?? now + process.dispatcher.configuration.resolveTimeout
            if start > end {
                errors.append("alert \(i): start time must be before end time")
                continue
            }
            alerts.append(
                Alert(
                    labels: labels, annotations: (posted.annotations ?? [:]).filter { !$0.value.isEmpty },
                    startsAt: start,
                    endsAt: end, updatedAt: now, generatorURL: posted.generatorURL ?? ""))
        }
        process.dispatcher.receive(alerts)
        if !errors.isEmpty { throw HTTPFailure(400, errors.joined(separator: "; ")) }
        return HTTPAnswer()
    }

    private func silences(_ call: HTTPCall) throws -> HTTPAnswer {
        let matchers = try filter(call)
        let time = TimeParameters.nowMilliseconds
        let states = try Set(["active", "expired", "pending"].filter { try flag(call, $0) })
        let shown = process.dispatcher.silences.list(at: time).filter { silence in
            guard states.contains(silence.state(at: time).rawValue) else { return false }
            // A filter matches a silence by the values its matchers name.
            let labels = LabelSet(silence.matchers.map { Label($0.name, $0.value) })
            return matchers.allSatisfy { $0.matches(labels) }
        }
        return try .encoding(shown.map { SilenceBody($0, at: time) })
    }

    private func postSilence(_ call: HTTPCall) throws -> HTTPAnswer {
        let posted = try call.decodingJSON(PostedSilence.self)
        guard let starts = RFC3339.parse(posted.startsAt), let ends = RFC3339.parse(posted.endsAt) else {
            throw HTTPFailure(400, "startsAt and endsAt must be RFC 3339 times")
        }
        let silence = Silence(
            id: posted.id ?? "",
            matchers: posted.matchers.map {
                .init(name: $0.name, value: $0.value, isRegex: $0.isRegex ?? false, isEqual: $0.isEqual ?? true)
            },
            startsAt: starts / 1_000_000, endsAt: ends / 1_000_000, createdBy: posted.createdBy, comment: posted.comment
        )
        let id = try process.dispatcher.silences.set(silence, now: TimeParameters.nowMilliseconds)
        return try .encoding(["silenceID": id])
    }
}

/// The notification part of the configuration as Alertmanager's YAML, which amtool reads strictly.
enum AlertmanagerConfigurationText {
    static func text(_ configuration: AlertingConfiguration) -> String {
        guard let route = configuration.route else {
            return "route:\n  receiver: none\nreceivers:\n- name: none\n"
        }
        var out = "route:\n" + text(route, indent: "  ", isRoot: true) + "receivers:\n"
        for receiver in configuration.receivers {
            out += "- name: \(quoted(receiver.name))\n"
            if !receiver.webhooks.isEmpty { out += "  webhook_configs:\n" }
            for webhook in receiver.webhooks {
                // The address may carry a secret.
                out +=
                    "  - send_resolved: \(webhook.sendResolved)\n    url: <secret>\n    max_alerts: \(webhook.maxAlerts)\n"
            }
        }
        return out
    }

    private static func text(_ route: Route, indent: String, isRoot: Bool) -> String {
        var out = "\(indent)receiver: \(quoted(route.receiver))\n"
        if let groupBy = route.groupBy {
            if !groupBy.isEmpty { out += "\(indent)group_by: [\(groupBy.map(quoted).joined(separator: ", "))]\n" }
        } else {
            out += "\(indent)group_by: ['...']\n"
        }
        if !isRoot {
            if !route.matchers.isEmpty {
                out += "\(indent)matchers:\n" + route.matchers.map { "\(indent)- \(quoted($0.description))\n" }.joined()
            }
            out += "\(indent)continue: \(route.continues)\n"
        }
        out += "\(indent)group_wait: \(route.groupWait)ms\n\(indent)group_interval: \(route.groupInterval)ms\n"
        out += "\(indent)repeat_interval: \(route.repeatInterval)ms\n"
        if !route.routes.isEmpty { out += "\(indent)routes:\n" }
        for child in route.routes {
            let lines = text(child, indent: indent + "  ", isRoot: false)
            out += "\(indent)- " + lines.dropFirst(indent.count + 2)
        }
        return out
    }

    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
}
