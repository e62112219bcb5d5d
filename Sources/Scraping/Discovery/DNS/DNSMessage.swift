import Endpoints
import Foundation

/// A DNS message (RFC 1035), as far as a resolver's client needs it.
package struct DNSMessage: Sendable, Hashable {
    package enum RecordType: UInt16, Sendable, Hashable {
        case a = 1
        case ns = 2
        case mx = 15
        case aaaa = 28
        case srv = 33
    }

    package enum Record: Sendable, Hashable {
        case address(String)
        /// Names are in full, with their final dot.
        case service(target: String, port: Int)
        case mailExchange(String)
        case nameServer(String)
        case other(type: UInt16)
    }

    package enum ResponseCode {
        package static let success: UInt8 = 0
        package static let nameError: UInt8 = 3
    }

    package var id: UInt16
    package var isResponse: Bool
    package var isTruncated: Bool
    package var code: UInt8
    package var questionName: String
    package var questionType: UInt16
    package var answers: [Record]

    // MARK: Writing

    /// A question for one name, with room for long answers (EDNS) unless it goes over TCP.
    package static func question(_ name: String, _ type: RecordType, id: UInt16, allowsLongAnswer: Bool) throws
        -> [UInt8]
    {
        // Flags: recursion desired. One question.
        var out: [UInt8] = [UInt8(id >> 8), UInt8(id & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, allowsLongAnswer ? 1 : 0]
        var length = 1
        let bare = name.hasSuffix(".") ? name.dropLast() : name[...]
        for label in bare.split(separator: ".", omittingEmptySubsequences: false) {
            length += label.utf8.count + 1
            guard (1...63).contains(label.utf8.count), length <= 255 else {
                throw DiscoveryFailure("\"\(name)\" is not a DNS name: a part is empty or too long")
            }
            out.append(UInt8(label.utf8.count))
            out += label.utf8
        }
        out += [0, UInt8(type.rawValue >> 8), UInt8(type.rawValue & 255), 0, 1]
        // The OPT record: no name, type 41, answers of up to 4096 bytes.
        if allowsLongAnswer { out += [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0] }
        return out
    }

    // MARK: Reading

    package init(reading bytes: [UInt8]) throws {
        var reader = Reader(bytes: bytes)
        id = try reader.number()
        let flags = try reader.number()
        isResponse = flags & 0x8000 != 0
        isTruncated = flags & 0x0200 != 0
        code = UInt8(flags & 15)
        let questions = try reader.number()
        let count = try reader.number()
        _ = try reader.number()
        _ = try reader.number()
        questionName = ""
        questionType = 0
        answers = []
        for i in 0..<questions {
            let name = try reader.name()
            let type = try reader.number()
            _ = try reader.number()
            if i == 0 { (questionName, questionType) = (name, type) }
        }
        do {
            for _ in 0..<count { answers.append(try reader.record()) }
        } catch  where isTruncated {
            // What was cut off is asked for again over TCP.
            answers = []
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        mutating func byte() throws -> UInt8 {
            guard position < bytes.count else { throw DiscoveryFailure("the DNS answer ends too early") }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func number() throws -> UInt16 { UInt16(try byte()) << 8 | UInt16(try byte()) }

        mutating func skip(_ count: Int) throws {
            guard count <= bytes.count - position else { throw DiscoveryFailure("the DNS answer ends too early") }
            position += count
        }

        /// A name in full with its final dot. A pointer may only lead backwards, so that no name is endless.
        mutating func name() throws -> String {
            var text = ""
            var length = 0
            var limit = position
            var end: Int?
            while true {
                let head = try byte()
                switch head >> 6 {
                case 0:
                    if head == 0 {
                        if let end { position = end }
                        return text.isEmpty ? "." : text
                    }
                    length += Int(head) + 1
                    guard length <= 255 else {
                        throw DiscoveryFailure("a name in the DNS answer is longer than 255 bytes")
                    }
                    for _ in 0..<head { Self.append(try byte(), to: &text) }
                    text += "."
                case 3:
                    let target = Int(head & 63) << 8 | Int(try byte())
                    if end == nil { end = position }
                    guard target < limit else {
                        throw DiscoveryFailure("a name in the DNS answer points forward, which is not allowed")
                    }
                    limit = target
                    position = target
                default: throw DiscoveryFailure("a name in the DNS answer has a part of unknown kind")
                }
            }
        }

        /// Zone files' form: `\.` for a dot inside a part, `\DDD` for what cannot be printed.
        private static func append(_ byte: UInt8, to text: inout String) {
            switch byte {
            case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "("),
                UInt8(ascii: ")"), UInt8(ascii: "@"), UInt8(ascii: " "):
                text += "\\"
                text.unicodeScalars.append(Unicode.Scalar(byte))
            case 33...126: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\" + String(1000 + Int(byte)).dropFirst()
            }
        }

        mutating func record() throws -> Record {
            _ = try name()
            let type = try number()
            _ = try number()
            try skip(4)
            let length = Int(try number())
            let start = position
            guard length <= bytes.count - start else { throw DiscoveryFailure("the DNS answer ends too early") }
            defer { position = start + length }
            let record: Record
            switch RecordType(rawValue: type) {
            case .a where length == 4, .aaaa where length == 16:
                record = .address(Self.text(Array(bytes[start..<start + length])))
            case .srv:
                try skip(4)
                let port = try number()
                record = .service(target: try name(), port: Int(port))
            case .mx:
                try skip(2)
                record = .mailExchange(try name())
            case .ns: record = .nameServer(try name())
            case .a, .aaaa, nil: return .other(type: type)
            }
            guard position <= start + length else {
                throw DiscoveryFailure("a record of the DNS answer is longer than it says")
            }
            return record
        }

        private static func text(_ address: [UInt8]) -> String {
            if address.count == 4 { return address.map { "\($0)" }.joined(separator: ".") }
            var out = [CChar](repeating: 0, count: 64)
            guard inet_ntop(AF_INET6, address, &out, 64) != nil else { return "" }
            return String(decoding: out.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
