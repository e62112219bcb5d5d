/// Finds keys as the SDKs do: our configuration, an explicit profile, variables, a web identity, the default profile,
/// the container's address, the machine's metadata; then takes on `role_arn` where one is set.
struct AWSCredentialSource: Sendable {
    let configuration: AWSConfiguration
    let environment: AWSEnvironment
    let transport: AWSTransport
    let metadataTransport: AWSTransport

    func credentials() async throws -> AWSCredentials {
        let base = try await baseCredentials()
        guard let role = configuration.roleARN else { return base }
        return try await assume(role, externalID: configuration.externalID, with: base)
    }

    func region() async throws -> String {
        var candidates = [configuration.region, environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]]
        candidates.append(environment.profiles()[profileName]?["region"])
        if let region = candidates.compactMap({ $0 }).first {
            guard AWSConfiguration.isRegion(region) else {
                throw AWSFailure.badSetting("\"\(region)\" is not a region")
            }
            return region
        }
        guard let region = try? await AWSMetadata(environment, metadataTransport).region(),
            AWSConfiguration.isRegion(region)
        else { throw AWSFailure.noRegion }
        return region
    }

    private var profileName: String { configuration.profile ?? environment["AWS_PROFILE"] ?? "default" }

    private func baseCredentials() async throws -> AWSCredentials {
        if let access = configuration.accessKey, let secret = configuration.secretKey {
            return AWSCredentials(accessKey: access, secretKey: secret)
        }
        var tried = ["access_key is not set"]
        if configuration.profile == nil {
            if let access = environment["AWS_ACCESS_KEY_ID"] ?? environment["AWS_ACCESS_KEY"],
                let secret = environment["AWS_SECRET_ACCESS_KEY"] ?? environment["AWS_SECRET_KEY"]
            {
                return AWSCredentials(
                    accessKey: access, secretKey: secret, sessionToken: environment["AWS_SESSION_TOKEN"])
            }
            tried.append("AWS_ACCESS_KEY_ID is not set")
            if let file = environment["AWS_WEB_IDENTITY_TOKEN_FILE"], let role = environment["AWS_ROLE_ARN"] {
                return try await assumeWithWebIdentity(role, tokenFile: file)
            }
        }
        let name = profileName
        let profiles = environment.profiles()
        if profiles[name] != nil {
            if let found = try await credentials(ofProfile: name, profiles, depth: 0) { return found }
            tried.append("profile \"\(name)\" has no keys")
        } else if configuration.profile != nil || environment["AWS_PROFILE"] != nil {
            throw AWSFailure.badSetting("there is no profile \"\(name)\" in the shared AWS files")
        } else {
            tried.append("there is no default profile")
        }
        let metadata = AWSMetadata(environment, metadataTransport)
        if let found = try await metadata.containerCredentials() { return found }
        tried.append("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set")
        do {
            return try await metadata.instanceCredentials()
        } catch {
            try Task.checkCancellation()
            tried.append("instance metadata: \(error)")
        }
        throw AWSFailure.noCredentials(tried: tried)
    }

    /// A profile's own keys, or those of the role that it names, taken on with the keys of its source.
    private func credentials(ofProfile name: String, _ profiles: [String: AWSProfile], depth: Int) async throws
        -> AWSCredentials?
    {
        guard let profile = profiles[name] else {
            throw AWSFailure.badSetting("there is no profile \"\(name)\" in the shared AWS files")
        }
        guard depth < 8 else { throw AWSFailure.badSetting("the profiles' source_profile settings run in a circle") }
        if let role = profile["role_arn"] {
            if let file = profile["web_identity_token_file"] {
                return try await assumeWithWebIdentity(role, tokenFile: file)
            }
            let source: AWSCredentials?
            if let sourceName = profile["source_profile"] {
                // A profile may name itself: then its own keys are the source.
                source =
                    sourceName == name
                    ? profile.keys : try await credentials(ofProfile: sourceName, profiles, depth: depth + 1)
            } else {
                switch profile["credential_source"] {
                case "Environment":
                    source = environment["AWS_ACCESS_KEY_ID"].flatMap { access in
                        environment["AWS_SECRET_ACCESS_KEY"].map {
                            AWSCredentials(
                                accessKey: access, secretKey: $0, sessionToken: environment["AWS_SESSION_TOKEN"])
                        }
                    }
                case "EcsContainer":
                    source = try await AWSMetadata(environment, metadataTransport).containerCredentials()
                case "Ec2InstanceMetadata":
                    source = try await AWSMetadata(environment, metadataTransport).instanceCredentials()
                default: source = profile.keys
                }
            }
            guard let source else {
                throw AWSFailure.badSetting("profile \"\(name)\": there are no keys to take on \(role) with")
            }
            return try await assume(role, externalID: profile["external_id"], with: source)
        }
        if let keys = profile.keys { return keys }
        for setting in ["sso_session", "sso_start_url", "credential_process"] where profile[setting] != nil {
            throw AWSFailure.badSetting(
                "profile \"\(name)\" uses \(setting), which is not supported: use keys, role_arn or instance metadata")
        }
        return nil
    }

    private func assume(_ role: String, externalID: String?, with base: AWSCredentials) async throws -> AWSCredentials {
        var parameters = [
            (name: "Action", value: "AssumeRole"), (name: "Version", value: "2011-06-15"),
            (name: "RoleArn", value: role), (name: "RoleSessionName", value: "needletail-\(environment.now())"),
            (name: "DurationSeconds", value: "900"),
        ]
        if let externalID { parameters.append((name: "ExternalId", value: externalID)) }
        return try await askForRole("AssumeRole", parameters, signedWith: base)
    }

    private func assumeWithWebIdentity(_ role: String, tokenFile: String) async throws -> AWSCredentials {
        guard let token = environment.readFile(tokenFile)?.split(whereSeparator: \.isWhitespace).first else {
            throw AWSFailure.badSetting("the web identity token in \(tokenFile) cannot be read")
        }
        let parameters = [
            (name: "Action", value: "AssumeRoleWithWebIdentity"), (name: "Version", value: "2011-06-15"),
            (name: "RoleArn", value: role),
            (
                name: "RoleSessionName",
                value: environment["AWS_ROLE_SESSION_NAME"] ?? "needletail-\(environment.now())"
            ),
            (name: "WebIdentityToken", value: String(token)),
        ]
        return try await askForRole("AssumeRoleWithWebIdentity", parameters, signedWith: nil)
    }

    private func askForRole(
        _ action: String, _ parameters: [(name: String, value: String)], signedWith base: AWSCredentials?
    ) async throws -> AWSCredentials {
        let region = try await region()
        var request = AWSRequest(
            method: "POST",
            url: environment.endpoint(of: "sts") ?? "https://sts.\(region).\(AWSRegion.domain(region))/")
        request.headers = [(name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")]
        request.body = Array(WebAddress.form(parameters).utf8)
        if let base {
            try AWSSignature(credentials: base, region: region, service: "sts").sign(&request, at: environment.now())
        }
        let response = try await transport(request)
        guard response.status == 200 else { throw AWSRefusal.read(response, action: action) }
        let answer: AWSXML
        do { answer = try AWSXMLReader.read(response.body) } catch {
            throw AWSFailure.unreadable(action: action, reason: "\(error)")
        }
        guard let found = answer["\(action)Result"]?["Credentials"], let access = found.value("AccessKeyId"),
            let secret = found.value("SecretAccessKey")
        else { throw AWSFailure.unreadable(action: action, reason: "there are no Credentials in it") }
        return AWSCredentials(
            accessKey: access, secretKey: secret, sessionToken: found.value("SessionToken"),
            expiration: found.value("Expiration").flatMap(AWSTime.parse))
    }
}
