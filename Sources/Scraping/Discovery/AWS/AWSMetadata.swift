/// What the machine or the container says about itself: region and keys of its role.
struct AWSMetadata: Sendable {
    private let environment: AWSEnvironment
    private let transport: AWSTransport

    init(_ environment: AWSEnvironment, _ transport: @escaping AWSTransport) {
        self.environment = environment
        self.transport = transport
    }

    /// Keys of a task of ECS or a pod of EKS; nil outside of both.
    func containerCredentials() async throws -> AWSCredentials? {
        var request = AWSRequest(method: "GET", url: "")
        if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] {
            request.url = "http://169.254.170.2\(path)"
        } else if let url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
            // Plain HTTP only on the machine itself: the answer is a secret.
            guard let address = WebAddress(url), url.hasPrefix("https://") || Self.isNear(address.authority) else {
                throw AWSFailure.badSetting(
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http on the loopback or link-local network")
            }
            request.url = url
        } else {
            return nil
        }
        let token =
            environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"].flatMap(environment.readFile)
            ?? environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        if let token = token?.split(whereSeparator: \.isNewline).first {
            request.headers = [(name: "Authorization", value: String(token))]
        }
        request.timeout = 5_000
        return try await keys(from: request, "container credentials")
    }

    private static func isNear(_ authority: String) -> Bool {
        let host = authority.hasPrefix("[") ? authority : String(authority.split(separator: ":").first ?? "")
        return host == "localhost" || host.hasPrefix("127.") || host.hasPrefix("[::1]")
            || ["169.254.170.2", "169.254.170.23"].contains(host) || host.hasPrefix("[fd00:ec2::23]")
    }

    /// Keys of the instance's role, by version 2 of the metadata service.
    func instanceCredentials() async throws -> AWSCredentials {
        let token = try await token()
        let list = try await text("/latest/meta-data/iam/security-credentials/", token)
        guard let role = list.split(whereSeparator: \.isNewline).first else {
            throw AWSFailure.unreadable(action: "instance metadata", reason: "the instance has no role")
        }
        var request = AWSRequest(
            method: "GET",
            url: base + "/latest/meta-data/iam/security-credentials/" + WebAddress.escape(String(role)))
        request.headers = [(name: "X-aws-ec2-metadata-token", value: token)]
        request.timeout = 5_000
        return try await keys(from: request, "instance metadata")
    }

    func region() async throws -> String {
        let text = try await text("/latest/meta-data/placement/region", try await token())
        return String(text.split(whereSeparator: \.isWhitespace).first ?? "")
    }

    private var base: String {
        let wished = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254"
        return wished.hasSuffix("/") ? String(wished.dropLast()) : wished
    }

    private func token() async throws -> String {
        if environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true" {
            throw AWSFailure.badSetting("switched off by AWS_EC2_METADATA_DISABLED")
        }
        var request = AWSRequest(method: "PUT", url: base + "/latest/api/token")
        request.headers = [(name: "X-aws-ec2-metadata-token-ttl-seconds", value: "21600")]
        // Off AWS nobody answers at this address: do not wait long for it.
        request.timeout = 2_000
        let response = try await transport(request)
        let token = response.text
        guard response.status == 200, !token.isEmpty, !token.contains(where: \.isNewline) else {
            throw AWSRefusal.read(response, action: "instance metadata")
        }
        return token
    }

    private func text(_ path: String, _ token: String) async throws -> String {
        var request = AWSRequest(method: "GET", url: base + path)
        request.headers = [(name: "X-aws-ec2-metadata-token", value: token)]
        request.timeout = 5_000
        let response = try await transport(request)
        guard response.status == 200 else { throw AWSRefusal.read(response, action: "instance metadata") }
        return response.text
    }

    private func keys(from request: AWSRequest, _ action: String) async throws -> AWSCredentials {
        let response = try await transport(request)
        guard response.status == 200 else { throw AWSRefusal.read(response, action: action) }
        guard let tree = try? JSONTree.read(response.body), let keys = AWSCredentials.read(tree) else {
            throw AWSFailure.unreadable(action: action, reason: "there are no keys in it")
        }
        return keys
    }
}
