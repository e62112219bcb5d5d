import Foundation

/// Where AWS settings come from besides our own configuration: variables and files. A value, so that tests give their
/// own.
struct AWSEnvironment: Sendable {
    var variables: [String: String]
    /// The text of a file; nil where it cannot be read.
    var readFile: @Sendable (_ path: String) -> String?
    /// Seconds since 1970.
    var now: @Sendable () -> Int64

    static let process = AWSEnvironment(
        variables: ProcessInfo.processInfo.environment,
        readFile: { try? String(contentsOfFile: $0, encoding: .utf8) },
        now: { Int64(Date().timeIntervalSince1970) })

    /// A variable that is set to something.
    subscript(name: String) -> String? {
        guard let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    private var home: String { self["HOME"] ?? "/root" }

    /// The profiles of the two shared files; in the credentials file keys win, in the config file everything else is.
    func profiles() -> [String: AWSProfile] {
        var out: [String: AWSProfile] = [:]
        if let text = readFile(self["AWS_CONFIG_FILE"] ?? "\(home)/.aws/config") {
            for (section, settings) in AWSProfile.sections(text) {
                // "[profile name]", but "[default]"; other sections (sso-session, services) are no profiles.
                let words = section.split(separator: " ")
                if section == "default" {
                    out["default", default: AWSProfile()].settings.merge(settings) { $1 }
                } else if words.count == 2, words[0] == "profile" {
                    out[String(words[1]), default: AWSProfile()].settings.merge(settings) { $1 }
                }
            }
        }
        if let text = readFile(self["AWS_SHARED_CREDENTIALS_FILE"] ?? "\(home)/.aws/credentials") {
            for (section, settings) in AWSProfile.sections(text) {
                out[section, default: AWSProfile()].settings.merge(settings) { $1 }
            }
        }
        return out
    }

    /// An address that stands in for a service's own, as the SDKs take it: `AWS_ENDPOINT_URL_EC2`, else
    /// `AWS_ENDPOINT_URL`.
    func endpoint(of service: String) -> String? {
        if self["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.lowercased() == "true" { return nil }
        return self["AWS_ENDPOINT_URL_\(service.uppercased())"] ?? self["AWS_ENDPOINT_URL"]
    }
}

/// One profile of the shared files.
struct AWSProfile: Sendable, Hashable {
    /// By lower-case name.
    var settings: [String: String] = [:]

    subscript(name: String) -> String? {
        guard let value = settings[name], !value.isEmpty else { return nil }
        return value
    }

    var keys: AWSCredentials? {
        guard let access = self["aws_access_key_id"], let secret = self["aws_secret_access_key"] else { return nil }
        return AWSCredentials(accessKey: access, secretKey: secret, sessionToken: self["aws_session_token"])
    }

    /// Sections of the INI form: comments from `#` or `;`, indented lines (nested settings) are passed over.
    static func sections(_ text: String) -> [(name: String, settings: [String: String])] {
        var out: [(name: String, settings: [String: String])] = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, first != " ", first != "\t", first != "#", first != ";" else { continue }
            if first == "[" {
                guard let end = line.firstIndex(of: "]") else { continue }
                let name = line[line.index(after: line.startIndex)..<end]
                out.append((name.split(separator: " ").joined(separator: " "), [:]))
            } else if let equals = line.firstIndex(of: "="), !out.isEmpty {
                let name = line[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
                var value = line[line.index(after: equals)...]
                for comment in [" #", " ;", "\t#", "\t;"] {
                    if let start = value.range(of: comment) { value = value[..<start.lowerBound] }
                }
                out[out.count - 1].settings[name] = value.trimmingCharacters(in: .whitespaces)
            }
        }
        return out
    }
}
