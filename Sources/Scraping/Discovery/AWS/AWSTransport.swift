/// One HTTP request to an interface of AWS.
struct AWSRequest: Sendable {
    var method: String
    var url: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Milliseconds.
    var timeout: Int64 = 30_000

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

struct AWSResponse: Sendable {
    var status: Int
    var body: [UInt8]

    /// Pages of a thousand instances are some megabytes.
    static let maximumBody = 64 << 20

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Sends a request and answers whatever came back; throws when nothing did.
typealias AWSTransport = @Sendable (AWSRequest) async throws -> AWSResponse

/// What went wrong in a call to AWS.
enum AWSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The service refused: its own code and sentence.
    case refused(action: String, status: Int, code: String, message: String)
    case unreadable(action: String, reason: String)
    case noCredentials(tried: [String])
    case noRegion
    case badSetting(String)

    var description: String {
        switch self {
        case .refused(let action, let status, let code, let message):
            "AWS refused \(action) with \(status) \(code)" + (message.isEmpty ? "" : ": \(message)")
        case .unreadable(let action, let reason): "the answer of AWS to \(action) cannot be read: \(reason)"
        case .noCredentials(let tried):
            "no AWS credentials found (\(tried.joined(separator: "; "))): set access_key and secret_key, a profile, or "
                + "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case .noRegion:
            "no AWS region: set region, AWS_REGION or a region in the profile; the instance metadata did not give one"
        case .badSetting(let sentence): sentence
        }
    }

    var code: String? {
        if case .refused(_, _, let code, _) = self { return code }
        return nil
    }
}
