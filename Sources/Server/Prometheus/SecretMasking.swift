/// Replaces the values of secret keys in a configuration text before anybody sees it.
enum SecretMasking {
    private static let keys = [
        "password", "credentials", "bearer_token", "secret_key", "client_secret", "url", "secrets",
    ]

    static func masked(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let trimmed = line.drop { $0 == " " || $0 == "-" }
            for key in keys where trimmed.hasPrefix("\(key):") {
                let indent = line.prefix(line.count - trimmed.count)
                // Addresses of receivers carry tokens; those of targets are elsewhere.
                return "\(indent)\(key): <secret>"
            }
            return String(line)
        }.joined(separator: "\n")
    }
}
