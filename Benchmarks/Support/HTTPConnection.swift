import Foundation

/// HTTP/1.1 over one kept-alive socket, and nothing else: what the client costs would be taken from the server's cores.
package final class HTTPConnection {
    package struct Answer {
        package var status: Int
        package var body: [UInt8]
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let port: Int
    private var socketFile: Int32 = -1
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    private var pending: [UInt8] = []

    package init(port: Int) { self.port = port }

    deinit { disconnect() }

    package func disconnect() {
        if socketFile >= 0 { close(socketFile) }
        socketFile = -1
        pending = []
    }

    private func connectIfNeeded() throws {
        guard socketFile < 0 else { return }
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw BenchmarkError("no socket: \(String(cString: strerror(errno)))") }
        var one: Int32 = 1
        setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        var address = SocketAddress.loopback(port: port)
        let result = SocketAddress.with(&address) { connect(file, $0, $1) }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            close(file)
            throw BenchmarkError("cannot connect to port \(port): \(reason)")
        }
        socketFile = file
    }

    package func get(_ path: String) throws -> Answer {
        try send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", UnsafeRawBufferPointer(start: nil, count: 0))
    }

    package func post(_ path: String, headers: String = "", _ body: UnsafeRawBufferPointer) throws -> Answer {
        try send(
            "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(body.count)\r\n\(headers)\r\n", body)
    }

    package func post(_ path: String, form: String = "") throws -> Answer {
        try Array(form.utf8).withUnsafeBytes {
            try post(path, headers: "Content-Type: application/x-www-form-urlencoded\r\n", $0)
        }
    }

    private func send(_ head: String, _ body: UnsafeRawBufferPointer) throws -> Answer {
        let isOld = socketFile >= 0
        do {
            return try exchange(head, body)
        } catch {
            disconnect()
            // A server may close an idle connection at any time.
            guard isOld else { throw error }
            return try exchange(head, body)
        }
    }

    private func exchange(_ head: String, _ body: UnsafeRawBufferPointer) throws -> Answer {
        try connectIfNeeded()
        try Array(head.utf8).withUnsafeBytes { try sendFully($0, more: !body.isEmpty) }
        if !body.isEmpty { try sendFully(body, more: false) }
        return try receive()
    }

    private func sendFully(_ bytes: UnsafeRawBufferPointer, more: Bool) throws {
        var sent = 0
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while sent < bytes.count {
            let count = Glibc.send(socketFile, bytes.baseAddress! + sent, bytes.count - sent, flags)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw BenchmarkError("the server hung up: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    /// False at the end of the stream.
    private func fill() throws -> Bool {
        while true {
            let count = recv(socketFile, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw BenchmarkError("the server hung up: \(String(cString: strerror(errno)))") }
            pending.append(contentsOf: buffer[..<count])
            return count > 0
        }
    }

    private func need(_ count: Int) throws {
        while pending.count < count {
            guard try fill() else { throw BenchmarkError("the server hung up inside an answer") }
        }
    }

    private func line(from start: Int) throws -> (text: String, next: Int) {
        var cursor = start
        while true {
            while cursor + 1 < pending.count {
                if pending[cursor] == 0x0d, pending[cursor + 1] == 0x0a {
                    return (String(decoding: pending[start..<cursor], as: UTF8.self), cursor + 2)
                }
                cursor += 1
            }
            guard try fill() else { throw BenchmarkError("the server hung up inside an answer") }
        }
    }

    private func receive() throws -> Answer {
        pending.removeAll(keepingCapacity: true)
        var (text, next) = try line(from: 0)
        let words = text.split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw BenchmarkError("not HTTP: \(text)") }
        var length: Int?
        var isChunked = false
        var closes = false
        while true {
            (text, next) = try line(from: next)
            if text.isEmpty { break }
            let lower = text.lowercased()
            if lower.hasPrefix("content-length:") {
                length = Int(lower.dropFirst(15).trimmingCharacters(in: .whitespaces))
            } else if lower.hasPrefix("transfer-encoding:"), lower.contains("chunked") {
                isChunked = true
            } else if lower.hasPrefix("connection:"), lower.contains("close") {
                closes = true
            }
        }
        defer { if closes { disconnect() } }
        if isChunked { return Answer(status: status, body: try chunks(from: next)) }
        if status == 204 || status == 304 { return Answer(status: status, body: []) }
        if let length {
            try need(next + length)
            return Answer(status: status, body: Array(pending[next..<next + length]))
        }
        closes = true
        while try fill() {}
        return Answer(status: status, body: Array(pending[next...]))
    }

    private func chunks(from start: Int) throws -> [UInt8] {
        var body: [UInt8] = []
        var next = start
        while true {
            let (text, data) = try line(from: next)
            guard let size = Int(text.prefix { $0 != ";" }, radix: 16) else {
                throw BenchmarkError("not a chunk: \(text)")
            }
            try need(data + size + 2)
            body.append(contentsOf: pending[data..<data + size])
            next = data + size + 2
            if size == 0 { return body }
        }
    }
}
