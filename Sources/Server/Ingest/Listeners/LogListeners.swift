import Foundation
import Logging
import NIOSSL
import ServiceLifecycle
import Wire

/// What is listened to for logs besides the main address; nil is off.
package struct LogListenOptions: Sendable {
    /// Elasticsearch's API; by custom port 9200.
    package var elasticsearch: ListenAddress?
    /// The Forward protocol over TCP, with its UDP heartbeats; by custom port 24224.
    package var forward: ListenAddress?
    package var forwardTLS: ListenAddress?
    /// The secret that senders prove to know, in a file; nil lets everybody send.
    package var forwardSharedKeyFile: String?
    /// Lines of `user:password`.
    package var forwardUsersFile: String?
    /// By custom port 514 or 601, 514 and 6514.
    package var syslogTCP: ListenAddress?
    package var syslogUDP: ListenAddress?
    package var syslogTLS: ListenAddress?
    /// A datagram socket in the file system.
    package var syslogSocket: String?
    /// Chain and key of the listeners with TLS, in PEM form.
    package var certificateFile: String?
    package var keyFile: String?
    /// What Firehose sends as X-Amz-Firehose-Access-Key, in a file; nil lets everybody send.
    package var firehoseAccessKeyFile: String?

    package init() {}

    var streams: [(ListenAddress?, String)] {
        [
            (elasticsearch, "--elasticsearch"), (forward, "--forward"), (forwardTLS, "--forward-tls"),
            (syslogTCP, "--syslog-tcp"), (syslogTLS, "--syslog-tls"),
        ]
    }

    var datagrams: [(ListenAddress?, String)] { [(forward, "--forward"), (syslogUDP, "--syslog-udp")] }

    /// What keeps the listeners from being opened, asked before anything is.
    func check() throws {
        for (address, flag) in streams {
            if let obstacle = address?.obstacle(flag: flag) { throw obstacle }
        }
        for (address, flag) in datagrams {
            if let obstacle = address?.obstacle(flag: flag, datagrams: true) { throw obstacle }
        }
        if forwardTLS != nil || syslogTLS != nil { _ = try tlsContext() }
        _ = try security()
        _ = try firehoseAccessKey()
    }

    func tlsContext() throws -> NIOSSLContext {
        guard let certificateFile, let keyFile else {
            throw ServerError.badAddress("a listener with TLS needs --tls-cert FILE and --tls-key FILE")
        }
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do { chain = try NIOSSLCertificate.fromPEMFile(certificateFile) } catch {
            throw ServerError.badAddress(
                "--tls-cert \(certificateFile): no certificate in PEM form can be read: \(error)")
        }
        do { key = try NIOSSLPrivateKey(file: keyFile, format: .pem) } catch {
            throw ServerError.badAddress("--tls-key \(keyFile): no key in PEM form can be read: \(error)")
        }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv12
        return try NIOSSLContext(configuration: tls)
    }

    func security() throws -> ForwardSecurity? {
        guard let forwardSharedKeyFile else {
            guard forwardUsersFile == nil else {
                throw ServerError.badAddress("--forward-users-file needs --forward-shared-key-file too")
            }
            return nil
        }
        var users: [String: String] = [:]
        if let forwardUsersFile {
            let text = try LogListenOptions.secret(forwardUsersFile, "--forward-users-file")
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if line.isEmpty || line.hasPrefix("#") { continue }
                guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
                    throw ServerError.badAddress("\(forwardUsersFile):\(number + 1): a line must be USER:PASSWORD")
                }
                users[String(line[..<colon])] = String(line[line.index(after: colon)...])
            }
        }
        return ForwardSecurity(
            sharedKey: try LogListenOptions.secret(forwardSharedKeyFile, "--forward-shared-key-file"), users: users,
            hostname: "needletail." + ProcessInfo.processInfo.hostName, digest: ForwardReceiver.digest)
    }

    func firehoseAccessKey() throws -> String? {
        try firehoseAccessKeyFile.map { try LogListenOptions.secret($0, "--firehose-access-key-file") }
    }

    /// A file's text without the line end behind it.
    private static func secret(_ path: String, _ flag: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ServerError.badAddress("\(flag) \(path) cannot be read")
        }
        let trimmed = text.trimmingCharacters(in: .newlines)
        guard !trimmed.isEmpty else { throw ServerError.badAddress("\(flag) \(path) is empty") }
        return trimmed
    }
}

extension ServerProcess {
    var elasticsearchAddress: String { (options.logs.elasticsearch ?? options.listen).description }

    /// The listeners that the options ask for.
    ///
    /// - Returns: the listeners, and for each a gate that opens with its port.
    func logListeners() throws -> (services: [any Service], gates: [StartGate]) {
        let logs = options.logs
        var services: [any Service] = []
        var gates: [StartGate] = []
        func opening() -> @Sendable () -> Void {
            let gate = StartGate()
            gates.append(gate)
            return { gate.open() }
        }
        func add(_ service: some Service & CustomStringConvertible) {
            services.append(
                Draining(description: "\(service)", service: service, patience: .seconds(1), logger: logger))
        }
        let forward = ForwardReceiver(
            gateway: gateway, budget: budget, security: try logs.security(), messageLimit: options.bodyLimit,
            logger: logger)
        for (address, isSecure) in [(logs.forward, false), (logs.forwardTLS, true)] {
            guard let address else { continue }
            add(
                StreamListener(
                    description: isSecure ? "Forward over TLS" : "Forward", address: address,
                    tls: isSecure ? try logs.tlsContext() : nil, logger: logger, onListening: opening()
                ) { inbound, outbound in try await forward.serve(inbound, outbound) })
            if !isSecure {
                add(
                    HeartbeatListener(
                        description: "Forward heartbeats", address: address, onListening: opening()))
            }
        }
        let syslog = SyslogReceiver(gateway: gateway, budget: budget)
        for (address, isSecure) in [(logs.syslogTCP, false), (logs.syslogTLS, true)] {
            guard let address else { continue }
            let transport = isSecure ? "tls" : "tcp"
            add(
                StreamListener(
                    description: "syslog over \(transport.uppercased())", address: address,
                    tls: isSecure ? try logs.tlsContext() : nil, logger: logger, onListening: opening()
                ) { inbound, _ in try await syslog.serve(inbound, transport: transport) })
        }
        if let address = logs.syslogUDP {
            registerDrops(of: address)
            add(
                DatagramListener(
                    description: "syslog over UDP", place: .udp(address), logger: logger, onListening: opening()
                ) {
                    try await syslog.serve($0, transport: "udp")
                })
        }
        if let path = logs.syslogSocket {
            add(
                DatagramListener(
                    description: "syslog at \(path)", place: .unix(path), logger: logger, onListening: opening()
                ) {
                    try await syslog.serve($0, transport: "unix")
                })
        }
        if let address = logs.elasticsearch {
            services.append(elasticsearchListener(address, onListening: opening()))
        }
        return (services, gates)
    }

    /// Datagrams that the kernel had no room for: the only losses that a sender of UDP is not to blame for.
    private func registerDrops(of address: ListenAddress) {
        let dropped = metrics.registry.counter(
            "needletail_syslog_udp_dropped_total", help: "Datagrams that the kernel dropped because they came too fast."
        )
        let port = ":" + String(UInt32(address.port) | 0x10000, radix: 16, uppercase: true).dropFirst()
        metrics.registry.onCollect {
            var sum = 0
            for file in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
                guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
                for row in text.split(separator: "\n").dropFirst() {
                    let columns = row.split(separator: " ")
                    guard columns.count > 2, columns[1].hasSuffix(port), let drops = columns.last.flatMap({ Int($0) })
                    else {
                        continue
                    }
                    sum += drops
                }
            }
            dropped.set(Double(sum))
        }
    }

    private func elasticsearchListener(
        _ address: ListenAddress, onListening: @escaping @Sendable () -> Void
    ) -> any Service {
        let routes = Routes(
            bodyLimit: options.bodyLimit, logger: logger, requests: metrics.httpRequests, budget: budget)
        ElasticsearchAPI(process: self).register(on: routes, prefix: "")
        let listener = HTTPListener(
            description: "Elasticsearch's API", address: address, responder: routes.responder(),
            onListening: { _ in onListening() }, logger: logger)
        return Draining(
            description: listener.description, service: listener, patience: .seconds(1), logger: logger)
    }
}
