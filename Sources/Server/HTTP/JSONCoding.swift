import Foundation

extension HTTPAnswer {
    /// For answers of a few objects; query results go through the streaming writer instead.
    static func encoding(_ value: some Encodable, status: Int = 200) throws -> HTTPAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return .json(Array(try encoder.encode(value)), status: status)
    }
}

extension HTTPCall {
    func decodingJSON<T: Decodable>(_ type: T.Type) throws -> T {
        do { return try JSONDecoder().decode(type, from: Data(body)) } catch let error as DecodingError {
            throw HTTPFailure(400, "parsing body failed: \(HTTPCall.sentence(for: error))")
        }
    }

    private static func sentence(for error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            let text = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
            return text.isEmpty ? "the top level" : text
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(key.stringValue) in \(path(context)) is required"
        case .typeMismatch(let type, let context): return "\(path(context)) must be of type \(type)"
        case .valueNotFound(_, let context): return "\(path(context)) must not be null"
        case .dataCorrupted(let context):
            if let underlying = context.underlyingError {
                return "not valid JSON: \((underlying as NSError).userInfo["NSDebugDescription"] ?? underlying)"
            }
            return "\(path(context)): \(context.debugDescription)"
        @unknown default: return "\(error)"
        }
    }
}
