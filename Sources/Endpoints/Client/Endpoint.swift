import NIOSSL
import Synchronization

/// What all clients of the same settings share: certificates as last read, and the token.
final class Endpoint: Sendable {
    let configuration: HTTPClientConfiguration
    let tokens: TokenSource?
    private let tls: TLSFiles

    init(_ configuration: HTTPClientConfiguration) {
        self.configuration = configuration
        tls = TLSFiles(configuration.tls)
        if case .oauth2(let oauth2) = configuration.credentials {
            tokens = TokenSource(oauth2)
        } else {
            tokens = nil
        }
    }

    /// The settings for a connection made now; nil is the library's default.
    func tlsConfiguration() throws(EndpointError) -> TLSConfiguration? { try tls.current() }
}

/// TLS settings that are made again when one of their files changed, so that certificates can be rotated.
final class TLSFiles: Sendable {
    private struct Made {
        var stamps: [FileStamp?]
        var configuration: TLSConfiguration
    }

    private let configuration: TLSClientConfiguration
    private let files: [String]
    private let made = Mutex<Made?>(nil)

    init(_ configuration: TLSClientConfiguration) {
        self.configuration = configuration
        files = configuration.files
    }

    func current() throws(EndpointError) -> TLSConfiguration? {
        if configuration.isDefault { return nil }
        let stamps = files.map(FileStamp.init(path:))
        let known = made.withLock { made in
            made.flatMap { made in
                made.stamps == stamps && !stamps.contains { $0?.isYoung == true } ? made.configuration : nil
            }
        }
        if let known { return known }
        let fresh = try configuration.make()
        return made.withLock { made in
            // The same content keeps its identity, and so its open connections.
            if let old = made?.configuration, old.bestEffortEquals(fresh) {
                made?.stamps = stamps
                return old
            }
            made = Made(stamps: stamps, configuration: fresh)
            return fresh
        }
    }
}
