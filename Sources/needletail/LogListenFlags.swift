import ArgumentParser
import Server

/// The ways in for logs that have an address of their own.
struct LogListenFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp("Address of Elasticsearch's API for shippers; by custom port 9200.", valueName: "host:port"))
    var elasticsearch: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "Address of the Forward protocol (Fluent Bit, Fluentd, Docker); by custom port 24224.",
            valueName: "host:port"))
    var forward: ListenAddress?

    @Option(help: ArgumentHelp("Address of the Forward protocol over TLS.", valueName: "host:port"))
    var forwardTls: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "File with the shared key that senders of the Forward protocol must know.", valueName: "file"))
    var forwardSharedKeyFile: String?

    @Option(
        help: ArgumentHelp("File with a line USER:PASSWORD for each sender of the Forward protocol.", valueName: "file")
    )
    var forwardUsersFile: String?

    @Option(help: ArgumentHelp("Address of syslog over TCP; by custom port 514 or 601.", valueName: "host:port"))
    var syslogTcp: ListenAddress?

    @Option(help: ArgumentHelp("Address of syslog over UDP; by custom port 514.", valueName: "host:port"))
    var syslogUdp: ListenAddress?

    @Option(help: ArgumentHelp("Address of syslog over TLS; by custom port 6514.", valueName: "host:port"))
    var syslogTls: ListenAddress?

    @Option(help: ArgumentHelp("Datagram socket for syslog, such as /dev/log.", valueName: "path"))
    var syslogSocket: String?

    @Option(help: ArgumentHelp("Certificate chain (PEM) of the listeners with TLS.", valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("Key (PEM) of the listeners with TLS.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp("File with the access key that deliveries of Amazon Firehose must have.", valueName: "file"))
    var firehoseAccessKeyFile: String?

    func validate() throws {
        if (tlsCert == nil) != (tlsKey == nil) { throw ValidationError("--tls-cert and --tls-key belong together") }
        if forwardTls != nil || syslogTls != nil, tlsCert == nil {
            throw ValidationError("a listener with TLS needs --tls-cert FILE and --tls-key FILE")
        }
    }

    var options: LogListenOptions {
        var options = LogListenOptions()
        options.elasticsearch = elasticsearch
        options.forward = forward
        options.forwardTLS = forwardTls
        options.forwardSharedKeyFile = forwardSharedKeyFile
        options.forwardUsersFile = forwardUsersFile
        options.syslogTCP = syslogTcp
        options.syslogUDP = syslogUdp
        options.syslogTLS = syslogTls
        options.syslogSocket = syslogSocket
        options.certificateFile = tlsCert
        options.keyFile = tlsKey
        options.firehoseAccessKeyFile = firehoseAccessKeyFile
        return options
    }

    /// The listeners that were asked for, for the log.
    var listening: [(name: String, address: String)] {
        [
            ("elasticsearch", elasticsearch?.description), ("forward", forward?.description),
            ("forward-tls", forwardTls?.description), ("syslog-tcp", syslogTcp?.description),
            ("syslog-udp", syslogUdp?.description), ("syslog-tls", syslogTls?.description),
            ("syslog-socket", syslogSocket),
        ].compactMap { name, address in address.map { (name, $0) } }
    }
}
