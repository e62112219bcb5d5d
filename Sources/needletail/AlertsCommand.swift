import ArgumentParser
import Foundation
import Telemetry

struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "The alerts that are pending or firing now.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Every rule with its state and health, not just active alerts.")
    var rules = false

    private struct Envelope: Decodable {
        struct Body: Decodable { var alerts: [Alert] }
        struct Alert: Decodable {
            var labels: [String: String]
            var annotations: [String: String]
            var state: String
            var activeAt: String
            var value: String
        }
        var data: Body
    }

    private struct RulesEnvelope: Decodable {
        struct Body: Decodable { var groups: [Group] }
        struct Group: Decodable {
            var name: String
            var rules: [Rule]
        }
        struct Rule: Decodable {
            var name: String
            var state: String?
            var type: String
            var health: String
            var lastError: String?
            var lastEvaluation: String
        }
        var data: Body
    }

    func run() async throws {
        let client = try server.client
        if rules { return try await printRules(client) }
        let data = try await client.get("/api/v1/alerts")
        if output.output == .json { return Terminal.json(data) }
        let alerts = try JSONDecoder().decode(Envelope.self, from: data).data.alerts
        var table = Table("STATE", "ALERT", "LABELS", "SINCE", "VALUE", "SUMMARY")
        for alert in alerts.sorted(by: { ($0.state, $0.activeAt) < ($1.state, $1.activeAt) }) {
            var labels = alert.labels
            let name = labels.removeValue(forKey: "alertname") ?? ""
            table.rows.append([
                alert.state, name, LabelSet(labels).description, alert.activeAt, alert.value,
                alert.annotations["summary"] ?? alert.annotations["description"] ?? "",
            ])
        }
        let rows = table.rows
        table.style = { row, column in column > 0 ? nil : rows[row][0] == "firing" ? .red : .yellow }
        if rows.isEmpty && output.output == .table {
            Terminal.complain("no alert is pending or firing")
        } else {
            table.print(output.output)
        }
    }

    private func printRules(_ client: ServerClient) async throws {
        let data = try await client.get("/api/v1/rules")
        if output.output == .json { return Terminal.json(data) }
        let groups = try JSONDecoder().decode(RulesEnvelope.self, from: data).data.groups
        var table = Table("GROUP", "RULE", "TYPE", "STATE", "HEALTH", "LAST EVALUATION", "LAST ERROR")
        for group in groups {
            for rule in group.rules {
                table.rows.append([
                    group.name, rule.name, rule.type, rule.state ?? "", rule.health, rule.lastEvaluation,
                    rule.lastError ?? "",
                ])
            }
        }
        if table.rows.isEmpty && output.output == .table {
            Terminal.complain("no rules are loaded")
        } else {
            table.print(output.output)
        }
    }
}
