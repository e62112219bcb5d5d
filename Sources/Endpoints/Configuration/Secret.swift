import Foundation
import YAMLReading

/// A secret, written in the configuration or kept in a file.
package enum Secret: Sendable, Hashable {
    case text(String)
    /// Read at every use, so that a rotated secret needs no reload.
    case file(String)

    /// The secret's text; that of a file without white space at its ends. `what` names it in the error.
    package func read(_ what: String) throws(EndpointError) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            let bytes = try FileContent.read(path, what)
            return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// At most one of a value and a file; an empty value counts as absent, as Prometheus has it.
    static func read(_ text: YAMLNode?, _ file: YAMLNode?, _ conflict: String) throws(YAMLError) -> Secret? {
        let value = try text?.string() ?? ""
        let path = try file?.string() ?? ""
        if let file, !value.isEmpty, !path.isEmpty { throw file.error(conflict) }
        if !value.isEmpty { return .text(value) }
        if let file, !path.isEmpty { return .file(file.resolvedPath(path)) }
        return nil
    }
}

enum FileContent {
    static func read(_ path: String, _ what: String) throws(EndpointError) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            let reason =
                FileManager.default.fileExists(atPath: path) ? "it cannot be read" : "no such file or directory"
            throw EndpointError("unable to read \(what): unable to read file \(path): \(reason)")
        }
    }
}

extension YAMLNode {
    /// A path of the configuration as one that can be opened: relative ones are relative to the configuration's folder.
    package func resolvedPath(_ path: String) -> String {
        guard !path.isEmpty, !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[..<slash] + "/" + path
    }
}
