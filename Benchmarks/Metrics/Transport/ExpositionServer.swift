import BenchmarkSupport
import Codecs
import Foundation
import Synchronization

/// Serves one target on a port of its own: a thread for each connection, since a scraper keeps one for each target.
final class ExpositionServer: Sendable {
    let port: Int
    let target: ExpositionTarget
    private let listener: Int32
    private let compresses: Bool
    private let open = Mutex<Set<Int32>>([])

    init(_ target: ExpositionTarget, compresses: Bool) throws {
        self.target = target
        self.compresses = compresses
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = SocketAddress.loopback(port: 0)
        guard file >= 0, SocketAddress.with(&address, { bind(file, $0, $1) }) == 0, listen(file, 64) == 0
        else { throw BenchmarkError("cannot listen: \(String(cString: strerror(errno)))") }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = SocketAddress.with(&address) { pointer, _ in getsockname(file, pointer, &length) }
        port = Int(UInt16(bigEndian: address.sin_port))
        listener = file
        Thread.detachNewThread { [self] in acceptAll() }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        open.withLock { for file in $0 { shutdown(file, Int32(SHUT_RDWR)) } }
    }

    private func acceptAll() {
        while true {
            let file = accept(listener, nil, nil)
            guard file >= 0 else {
                if errno == EINTR { continue }
                return
            }
            _ = open.withLock { $0.insert(file) }
            Thread.detachNewThread { [self] in
                serve(file)
                _ = open.withLock { $0.remove(file) }
                close(file)
            }
        }
    }

    private func serve(_ file: Int32) {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        var pending: [UInt8] = []
        while true {
            while let end = Self.endOfHead(pending) {
                let head = String(decoding: pending[..<end], as: UTF8.self).lowercased()
                pending.removeSubrange(..<end)
                var body = target.scrape()
                var headers = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                if compresses, head.contains("gzip") {
                    body = Gzip.compress(body, level: 1)
                    headers += "Content-Encoding: gzip\r\n"
                }
                let answer = Array("HTTP/1.1 200 OK\r\n\(headers)Content-Length: \(body.count)\r\n\r\n".utf8) + body
                guard (try? answer.withUnsafeBytes { try writeFully(file, $0) }) != nil else { return }
            }
            let count = recv(file, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            pending.append(contentsOf: buffer[..<count])
        }
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for end in 4...bytes.count where bytes[end - 4..<end].elementsEqual([0x0d, 0x0a, 0x0d, 0x0a]) { return end }
        return nil
    }
}
