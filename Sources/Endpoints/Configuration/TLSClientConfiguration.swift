import NIOSSL
import YAMLReading

/// `tls_config`: whom to trust, and who we are.
package struct TLSClientConfiguration: Sendable, Hashable {
    package enum Version: String, Sendable, Hashable, CaseIterable {
        case tls10 = "TLS10"
        case tls11 = "TLS11"
        case tls12 = "TLS12"
        case tls13 = "TLS13"

        var number: TLSVersion {
            switch self {
            case .tls10: .tlsv1
            case .tls11: .tlsv11
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        }
    }

    /// Authorities in PEM form; nil trusts those of the system.
    package var authorities: Secret?
    /// Our own certificate chain and its key, in PEM form.
    package var certificate: Secret?
    package var key: Secret?
    /// The name that the server's certificate must have; the address' own by default.
    package var serverName: String?
    package var insecureSkipVerify = false
    package var minimumVersion: Version?
    package var maximumVersion: Version?

    package init() {}

    package static let keys = [
        "ca", "ca_file", "cert", "cert_file", "key", "key_file", "server_name", "insecure_skip_verify", "min_version",
        "max_version",
    ]

    package static func read(_ node: YAMLNode) throws(YAMLError) -> TLSClientConfiguration {
        let keys = try node.mapping(keys)
        var tls = TLSClientConfiguration()
        tls.authorities = try Secret.read(
            keys["ca"], keys["ca_file"], "at most one of ca & ca_file must be configured")
        tls.certificate = try Secret.read(
            keys["cert"], keys["cert_file"], "at most one of cert & cert_file must be configured")
        tls.key = try Secret.read(
            keys["key"], keys["key_file"], "at most one of key and key_file must be configured")
        if tls.certificate != nil, tls.key == nil {
            throw node.error(
                "exactly one of key or key_file must be configured when a client certificate is configured")
        }
        if tls.key != nil, tls.certificate == nil {
            throw node.error("exactly one of cert or cert_file must be configured when a client key is configured")
        }
        if let name = try keys["server_name"]?.string(), !name.isEmpty {
            guard name.utf8.allSatisfy({ (33...126).contains($0) && !"/?#@[]%\\".utf8.contains($0) }) else {
                throw (keys["server_name"] ?? node).error("\"\(name)\" is not a server's name")
            }
            tls.serverName = name
        }
        tls.insecureSkipVerify = try keys["insecure_skip_verify"]?.bool() ?? false
        tls.minimumVersion = try version(keys["min_version"])
        tls.maximumVersion = try version(keys["max_version"])
        if let low = tls.minimumVersion, let high = tls.maximumVersion, high.rawValue < low.rawValue {
            throw node.error(
                "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified")
        }
        return tls
    }

    private static func version(_ node: YAMLNode?) throws(YAMLError) -> Version? {
        guard let node, case let text = try node.string(), !text.isEmpty else { return nil }
        guard let version = Version(rawValue: text) else {
            throw node.error("unknown TLS version: \(text); it is one of TLS10, TLS11, TLS12, TLS13")
        }
        return version
    }

    /// Whether the library's own settings say the same.
    var isDefault: Bool {
        authorities == nil && certificate == nil && !insecureSkipVerify && minimumVersion == nil
            && maximumVersion == nil
    }

    /// The settings with all files read as they are now.
    func make() throws(EndpointError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        // Go's default floor; the library would still take 1.0.
        tls.minimumTLSVersion = minimumVersion?.number ?? (maximumVersion.map { min($0, .tls12) } ?? .tls12).number
        tls.maximumTLSVersion = maximumVersion?.number
        if insecureSkipVerify { tls.certificateVerification = .none }
        if let authorities {
            let pem = try authorities.read("CA cert")
            guard let found = try? NIOSSLCertificate.fromPEMBytes([UInt8](pem.utf8)), !found.isEmpty else {
                throw EndpointError("unable to use specified CA cert \(authorities.place): it holds no PEM certificate")
            }
            tls.trustRoots = .certificates(found)
        }
        if let certificate, let key {
            let chain = try certificate.read("client cert")
            let secret = try key.read("client key")
            guard let found = try? NIOSSLCertificate.fromPEMBytes([UInt8](chain.utf8)), !found.isEmpty else {
                throw EndpointError(
                    "unable to use specified client cert (\(certificate.place)): it holds no PEM certificate")
            }
            guard let own = try? NIOSSLPrivateKey(bytes: [UInt8](secret.utf8), format: .pem) else {
                throw EndpointError("unable to use specified client key (\(key.place)): it is not a PEM key")
            }
            tls.certificateChain = found.map { .certificate($0) }
            tls.privateKey = .privateKey(own)
        }
        return tls
    }

    /// The files that the settings were read from.
    var files: [String] {
        [authorities, certificate, key].compactMap { if case .file(let path) = $0 { path } else { nil } }
    }
}

extension TLSClientConfiguration.Version: Comparable {
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension Secret {
    var place: String {
        switch self {
        case .text: "inline"
        case .file(let path): "file \(path)"
        }
    }
}
