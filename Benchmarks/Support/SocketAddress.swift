import Foundation

package enum SocketAddress {
    package static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    package static func with<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    /// A port that nobody listens on now.
    package static func freePort() throws -> Int {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = loopback(port: 0)
        guard with(&address, { bind(file, $0, $1) }) == 0 else { throw BenchmarkError("no free port") }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = with(&address) { pointer, _ in getsockname(file, pointer, &length) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
