import GoTemplates
import Telemetry

/// Expands the labels and annotations of one alert, as Prometheus does.
package struct AlertTemplate: Sendable {
    /// What a template may ask of `query` one after the other, each answer known to the next.
    private static let maximumQueries = 20
    /// Variables that every template has.
    private static let variables = ["labels", "externalLabels", "externalURL", "value"]

    private let data: TemplateValue
    private let values: [(name: String, value: TemplateValue)]
    private let surroundings: TemplateSurroundings
    private let time: Int64
    private let language: any RuleQuerying

    /// - Parameters:
    ///   - labels: of the sample that alerts, the metric's name among them.
    ///   - time: of the evaluation, milliseconds.
    package init(
        labels: LabelSet, value: Double, time: Int64, surroundings: TemplateSurroundings, language: any RuleQuerying
    ) {
        let fields: [(String, TemplateValue)] = [
            ("Labels", .labels(labels)), ("ExternalLabels", .labels(surroundings.externalLabels)),
            ("ExternalURL", .string(surroundings.externalURL)), ("Value", .double(value)),
        ]
        data = .object(fields.map { TemplateValue.TemplateEntry(key: $0.0, value: $0.1) })
        values = zip(AlertTemplate.variables, fields).map { ($0, $1.1) }
        self.surroundings = surroundings
        self.time = time
        self.language = language
    }

    /// The text with its actions carried out; a failure stands in the text, so that the alert still fires.
    ///
    /// - Parameter name: the alert's, for the failure.
    package func expand(_ text: String, name: String) async -> String {
        guard text.contains("{{") else { return text }
        let context = AlertTemplateContext(surroundings: surroundings, time: time)
        do throws(TemplateError) {
            let template: Template
            do { template = try AlertTemplate.parse(text) } catch {
                throw TemplateError("error parsing template __alert_\(name): \(error)")
            }
            do { return try await execute(template, context) } catch {
                throw TemplateError("error executing template __alert_\(name): \(error)")
            }
        } catch {
            return "<error expanding template: \(error)>"
        }
    }

    /// Functions cannot wait, so that an unknown query ends the execution; it starts anew when the answer is there.
    private func execute(_ template: Template, _ context: AlertTemplateContext) async throws(TemplateError) -> String {
        for _ in 0...AlertTemplate.maximumQueries {
            var out: [UInt8] = []
            do throws(TemplateError) {
                try template.execute(over: context, data: data, variables: values, into: &out)
                return String(decoding: out, as: UTF8.self)
            } catch {
                guard let query = context.takeUnknownQuery() else { throw error }
                do {
                    context.answers[query] = .success(try await language.instant(query, at: time))
                } catch {
                    context.answers[query] = .failure(TemplateError("error calling query: \(error)"))
                }
            }
        }
        throw TemplateError("a template may make at most \(AlertTemplate.maximumQueries) different queries")
    }

    /// Throws what is wrong with a template's syntax.
    package static func check(_ text: String) throws {
        guard text.contains("{{") else { return }
        _ = try parse(text)
    }

    private static func parse(_ text: String) throws(TemplateError) -> Template {
        try TemplateCache.template(text) { () throws(TemplateError) in
            try Template(text, functions: AlertFunctions.table, variables: variables)
        }
    }
}
