import Foundation
import Logging
import ServiceInstrumentation

/// The application log of one service, in the format that the fleet file gives it.
struct ServiceLog: Sendable {
    let logger: Logger
    let format: LogFormat

    func info(_ message: String, _ details: Attributes = [:]) { log(.info, message, details) }
    func warning(_ message: String, _ details: Attributes = [:]) { log(.warning, message, details) }
    func error(_ message: String, _ details: Attributes = [:]) { log(.error, message, details) }

    func log(_ level: Logger.Level, _ message: String, _ details: Attributes) {
        switch format {
        case .plain:
            var metadata: Logger.Metadata = [:]
            for (key, value) in details.pairs { metadata[key] = Self.metadata(value) }
            logger.log(level: level, "\(message)", metadata: metadata)
        case .logfmt:
            var body = "level=\(Self.word(level)) msg=\(Self.quoted(message))"
            for (key, value) in details.pairs { body += " \(key)=\(Self.quoted(Self.text(value)))" }
            logger.log(level: level, "\(body)")
        case .json:
            var body = "{\"level\":\"\(Self.word(level))\",\"message\":\(Self.json(.string(message)))"
            for (key, value) in details.pairs { body += ",\(Self.json(.string(key))):\(Self.json(value))" }
            logger.log(level: level, "\(body + "}")")
        }
    }

    private static func word(_ level: Logger.Level) -> String { level == .warning ? "warn" : level.rawValue }

    private static func metadata(_ value: AttributeValue) -> Logger.MetadataValue {
        switch value {
        case .string(let text): .string(text)
        case .integer(let number): .stringConvertible(number)
        case .double(let number): .stringConvertible(number)
        case .boolean(let flag): .stringConvertible(flag)
        case .array(let values): .array(values.map(metadata))
        }
    }

    private static func text(_ value: AttributeValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        case .boolean(let flag): "\(flag)"
        case .array(let values): values.map(text).joined(separator: ",")
        }
    }

    /// Quotes where logfmt asks for it.
    private static func quoted(_ text: String) -> String {
        let plain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
        return plain ? text : json(.string(text))
    }

    private static func json(_ value: AttributeValue) -> String {
        guard case .string(let text) = value else {
            if case .array(let values) = value { return "[\(values.map(json).joined(separator: ","))]" }
            return Self.text(value)
        }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20: result += String(format: "\\u%04x", scalar.value)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
