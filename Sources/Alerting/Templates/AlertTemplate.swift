import Telemetry

package struct AlertTemplate: Sendable {
    package init(labels: LabelSet, value: Double, time: Int64, surroundings: TemplateSurroundings, language: any RuleQuerying) {}
    package func expand(_ text: String, name: String) async -> String { text }
    package static func check(_ text: String) throws {}
}
