import Foundation
import GoTemplates
import Telemetry

/// What the functions of one expansion know; it lives no longer than that and is used by one task.
final class AlertTemplateContext: TemplateContext {
    private let surroundings: TemplateSurroundings
    private let time: Int64
    var answers: [String: Result<[RuleSample], TemplateError>] = [:]
    private var unknownQuery: String?

    init(surroundings: TemplateSurroundings, time: Int64) {
        self.surroundings = surroundings
        self.time = time
    }

    func takeUnknownQuery() -> String? {
        defer { unknownQuery = nil }
        return unknownQuery
    }

    /// The data of alerts is a value; there is no record.
    func appendMember(_ name: String, to out: inout [UInt8]) {}

    func call(_ function: String, _ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch function {
        case "query": return try query(AlertFunctions.string(arguments[0]))
        case "externalURL": return .string(surroundings.externalURL)
        case "pathPrefix": return .string(pathOfExternalURL)
        default: return .double(Double(time) / 1000)  // now
        }
    }

    private func query(_ expression: String) throws(TemplateError) -> TemplateValue {
        guard let answer = answers[expression] else {
            unknownQuery = expression
            throw TemplateError("query not answered yet")
        }
        return .list(
            try answer.get().map { sample in
                .object([
                    .init(key: "Labels", value: .labels(sample.labels)),
                    .init(key: "Value", value: .double(sample.value)),
                ])
            })
    }

    private var pathOfExternalURL: String {
        guard let scheme = surroundings.externalURL.range(of: "://") else { return surroundings.externalURL }
        let rest = surroundings.externalURL[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? ""
    }
}
