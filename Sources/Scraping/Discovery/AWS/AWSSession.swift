/// Signed calls to the services of one region with one identity, whose keys it finds, keeps and renews.
actor AWSSession {
    private let configuration: AWSConfiguration
    private let environment: AWSEnvironment
    private let transport: AWSTransport
    private let credentialSource: AWSCredentialSource
    private var credentials: AWSCredentials?
    private var knownRegion: String?
    /// Ids of availability zones by name; asked once, since an account's zones do not change.
    private(set) var zoneIdentifiers: [String: String]?

    /// - Parameters:
    ///   - transport: for the services, as `http_config` says.
    ///   - metadataTransport: for the machine's own metadata, which no proxy may come between.
    init(
        _ configuration: AWSConfiguration, environment: AWSEnvironment, transport: @escaping AWSTransport,
        metadataTransport: @escaping AWSTransport
    ) {
        self.configuration = configuration
        self.environment = environment
        self.transport = transport
        credentialSource = AWSCredentialSource(
            configuration: configuration, environment: environment, transport: transport,
            metadataTransport: metadataTransport)
    }

    func region() async throws -> String {
        if let knownRegion { return knownRegion }
        let found = try await credentialSource.region()
        knownRegion = found
        return found
    }

    func setZoneIdentifiers(_ zones: [String: String]) { zoneIdentifiers = zones }

    /// A call of EC2's query interface; the answer as XML.
    func query(_ action: String, _ parameters: [(name: String, value: String)]) async throws -> AWSXML {
        let form = [(name: "Action", value: action), (name: "Version", value: "2016-11-15")] + parameters
        let body = Array(WebAddress.form(form).utf8)
        let response = try await send(
            "ec2", action, headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], body: body)
        do {
            return try AWSXMLReader.read(response.body)
        } catch {
            throw AWSFailure.unreadable(action: action, reason: "\(error)")
        }
    }

    /// A call of ECS' JSON interface.
    func call(_ action: String, _ body: [UInt8]) async throws -> JSONTree {
        let response = try await send(
            "ecs", action,
            headers: [
                ("Content-Type", "application/x-amz-json-1.1"),
                ("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.\(action)"),
            ], body: body)
        do {
            return try JSONTree.read(response.body)
        } catch {
            throw AWSFailure.unreadable(action: action, reason: "\(error)")
        }
    }

    private func send(_ service: String, _ action: String, headers: [(String, String)], body: [UInt8]) async throws
        -> AWSResponse
    {
        let region = try await region()
        var attempt = 0
        while true {
            attempt += 1
            var request = AWSRequest(method: "POST", url: address(of: service, region))
            request.headers = headers.map { (name: $0.0, value: $0.1) }
            request.body = body
            let signature = AWSSignature(
                credentials: try await currentCredentials(), region: region, service: service)
            try signature.sign(&request, at: environment.now())
            let response = try await transport(request)
            if response.status == 200 { return response }
            let failure = AWSRefusal.read(response, action: action)
            let isExpired = Self.expiredCodes.contains(failure.code ?? "")
            if isExpired { credentials = nil }
            let isThrottled = response.status >= 500 || Self.throttledCodes.contains(failure.code ?? "")
            guard attempt < 3, isExpired || isThrottled else { throw failure }
            if isThrottled { try await Task.sleep(for: .milliseconds(500 << attempt)) }
        }
    }

    private static let expiredCodes: Set<String> = [
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId",
        "UnrecognizedClientException",
    ]
    private static let throttledCodes: Set<String> = [
        "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled", "TooManyRequestsException",
    ]

    private func currentCredentials() async throws -> AWSCredentials {
        // Renewed five minutes early, so that a slow list of calls does not outlive its keys.
        if let credentials, (credentials.expiration ?? .max) > environment.now() &+ 300 { return credentials }
        let found = try await credentialSource.credentials()
        credentials = found
        return found
    }

    /// As in Prometheus, `endpoint` stands for the service of the role alone; others follow the SDK's variables.
    private func address(of service: String, _ region: String) -> String {
        if service == configuration.service, let endpoint = configuration.endpoint {
            return AWSConfiguration.address(endpoint)
        }
        return environment.endpoint(of: service) ?? "https://\(service).\(region).\(AWSRegion.domain(region))/"
    }
}

enum AWSRegion {
    /// The domain of a region's partition.
    static func domain(_ region: String) -> String {
        if region.hasPrefix("cn-") { return "amazonaws.com.cn" }
        if region.hasPrefix("us-iso-") { return "c2s.ic.gov" }
        if region.hasPrefix("us-isob-") { return "sc2s.sgov.gov" }
        return "amazonaws.com"
    }
}

enum AWSRefusal {
    /// The code and sentence of an answer that is no success: XML of EC2 and STS, JSON of ECS.
    static func read(_ response: AWSResponse, action: String) -> AWSFailure {
        var code = ""
        var message = ""
        if let tree = try? JSONTree.read(response.body) {
            // "com.amazonaws.ecs#ClusterNotFoundException"
            code =
                (tree["__type"].string ?? tree["code"].string).map {
                    $0.split(separator: "#").last.map(String.init) ?? $0
                } ?? ""
            message = tree["message"].string ?? tree["Message"].string ?? ""
        } else if let tree = try? AWSXMLReader.read(response.body) {
            let error = tree["Errors"]?["Error"] ?? tree["Error"]
            code = error?.value("Code") ?? ""
            message = error?.value("Message") ?? ""
        }
        if message.isEmpty { message = String(response.text.prefix(200)) }
        return .refused(action: action, status: response.status, code: code, message: message)
    }
}
