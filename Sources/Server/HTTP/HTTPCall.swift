import Telemetry

/// A request as the API dialects see it: whole, decoded, without a socket.
package struct HTTPCall: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
        case options = "OPTIONS"
    }

    package var method: Method
    package var path: String
    /// Parameters of the path pattern, percent-decoded.
    package var pathParameters: [String: String]
    /// Parameters of a form body, then those of the query.
    package var parameters: Parameters
    /// Names in lower case.
    package var headers: [String: String]
    /// After `Content-Encoding` was undone, but for snappy, which belongs to the protocol.
    package var body: [UInt8]
    /// Nil in a call that did not come by a socket.
    package var connection: ClientConnection?
    /// To be answered on the thread that it came by: it took next to no time before.
    package var isQuick = false

    package init(
        method: Method = .get, path: String, pathParameters: [String: String] = [:],
        parameters: Parameters = Parameters(),
        headers: [String: String] = [:], body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.pathParameters = pathParameters
        self.parameters = parameters
        self.headers = headers
        self.body = body
    }

    /// The media type without its parameters, in lower case; empty where there is none.
    package var contentType: String {
        let whole = headers["content-type"] ?? ""
        return whole.prefix { $0 != ";" }.trimmingSpaces.lowercased()
    }
}

/// An answer, whole or in pieces that are made while they are sent.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var contentType: String?
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]
    /// What comes after `body`; nil where that is all.
    package var rest: (any BodyPieces)?

    package init(
        status: Int = 200, contentType: String? = nil, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    package static func json(_ body: [UInt8], status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "application/json", body: body)
    }

    package static func text(_ text: String, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    package static let noContent = HTTPAnswer(status: 204)
}

/// The body of an answer piece by piece: it is never in memory as a whole.
package protocol BodyPieces: Sendable {
    /// The next piece, nil after the last one. An error cuts the connection, as the status has long been sent.
    mutating func next() async throws -> [UInt8]?
}

/// Named values in the order they came, a name possibly several times.
package struct Parameters: Sendable {
    package var all: [(name: String, value: String)]

    package init(_ all: [(name: String, value: String)] = []) { self.all = all }

    /// The first value; an empty one counts as absent, as Prometheus and Loki have it.
    package subscript(name: String) -> String? {
        all.first { $0.name == name && !$0.value.isEmpty }?.value
    }

    package func values(_ name: String) -> [String] { all.filter { $0.name == name }.map(\.value) }

    /// Reads `a=b&c=d` with percent escapes and `+` for a space. Broken escapes are kept as they stand.
    package init(form: some Collection<UInt8>) {
        all = []
        for pair in form.split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            let value = pair.dropFirst(name.count + 1)
            all.append((Parameters.decode(name), Parameters.decode(value)))
        }
    }

    static func decode(_ bytes: some Collection<UInt8>) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = bytes.startIndex
        while i != bytes.endIndex {
            let byte = bytes[i]
            i = bytes.index(after: i)
            if byte == UInt8(ascii: "+") {
                out.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), let high = i == bytes.endIndex ? nil : hexDigit(bytes[i]) {
                let second = bytes.index(after: i)
                if second != bytes.endIndex, let low = hexDigit(bytes[second]) {
                    out.append(high << 4 | low)
                    i = bytes.index(after: second)
                } else {
                    out.append(byte)
                }
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension StringProtocol {
    var trimmingSpaces: String {
        var text = Substring(self)
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}
