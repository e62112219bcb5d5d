import Foundation

/// `HOST:PORT` of a listener.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:9090`, `:9090` (every interface), `[::1]:9090`; nil where it is none of these.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.contains("[") else { return nil }
        self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    /// What is in the way of listening here, nil when nothing is. Asked before anything is opened, so that the answer
    /// is one sentence and not a half-started process.
    package func obstacle(flag: String, datagrams: Bool = false) -> ServerError? {
        guard port != 0 else { return nil }
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_socktype = Int32((datagrams ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard code == 0, let first = found?.pointee else {
            return .badAddress(
                "\(flag) \(self): the host name cannot be resolved: \(String(cString: gai_strerror(code)))")
        }
        let descriptor = socket(first.ai_family, first.ai_socktype, first.ai_protocol)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var on: Int32 = 1
        // Of datagram sockets it would let two listen at one address.
        if !datagrams { setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size)) }
        if bind(descriptor, first.ai_addr, first.ai_addrlen) == 0, datagrams || listen(descriptor, 1) == 0 {
            return nil
        }
        switch errno {
        case EADDRINUSE:
            return .portInUse(
                "\(self) is in use by another program; stop it, or choose another address with \(flag) HOST:PORT")
        case EACCES: return .badAddress("\(flag) \(self): this user may not listen there; choose a port above 1023")
        case EADDRNOTAVAIL: return .badAddress("\(flag) \(self): this machine has no such address")
        default: return .badAddress("\(flag) \(self): \(String(cString: strerror(errno)))")
        }
    }
}

extension ListenAddress {
    /// An address with a port that nobody has at this moment.
    package static func free(host: String) -> ListenAddress? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        return isBound ? ListenAddress(host: host, port: Int(UInt16(bigEndian: address.sin_port))) : nil
    }
}

/// Why the process does not start.
package enum ServerError: Error, Sendable, CustomStringConvertible {
    case portInUse(String)
    case badAddress(String)

    package var description: String {
        switch self {
        case .portInUse(let sentence), .badAddress(let sentence): sentence
        }
    }
}
