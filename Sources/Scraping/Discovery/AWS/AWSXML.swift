/// An element of an answer of EC2 or STS. Names are without their namespace prefix, attributes are dropped.
struct AWSXML: Sendable, Hashable {
    var name: String
    /// All text directly inside, with entities resolved and outer white space removed.
    var text = ""
    var children: [AWSXML] = []

    subscript(name: String) -> AWSXML? { children.first { $0.name == name } }

    /// The text of the element at a path; nil where it is missing or empty.
    func value(_ path: String...) -> String? {
        var element = self
        for name in path {
            guard let next = element[name] else { return nil }
            element = next
        }
        return element.text.isEmpty ? nil : element.text
    }

    /// The `item` (or otherwise named) children of the child called `name`.
    func items(_ name: String, _ item: String = "item") -> [AWSXML] {
        self[name]?.children.filter { $0.name == item } ?? []
    }
}

/// What is wrong in an XML text, and where.
struct AWSXMLError: Error, Hashable, Sendable, CustomStringConvertible {
    var message: String
    /// In bytes from the start.
    var offset: Int
    var description: String { "\(message) at byte \(offset)" }
}

/// Reads the XML that AWS writes: elements, text, CDATA, comments, the five named entities and numbered ones. A
/// document type is refused, since it could define entities that grow without bound; depth and count of elements are
/// bounded.
struct AWSXMLReader {
    static let maximumDepth = 64
    static let maximumElements = 4_000_000

    private let bytes: [UInt8]
    private var offset = 0
    private var open: [AWSXML] = []
    private var texts: [[UInt8]] = []
    private var elements = 0
    private var root: AWSXML?

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func read(_ bytes: [UInt8]) throws(AWSXMLError) -> AWSXML {
        var reader = AWSXMLReader(bytes)
        return try reader.read()
    }

    private func failure(_ message: String) -> AWSXMLError { AWSXMLError(message: message, offset: offset) }

    private mutating func read() throws(AWSXMLError) -> AWSXML {
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { offset = 3 }
        while offset < bytes.count {
            guard bytes[offset] == UInt8(ascii: "<") else {
                try readText()
                continue
            }
            if starts(with: "<?") {
                try skip(past: "?>")
            } else if starts(with: "<!--") {
                try skip(past: "-->")
            } else if starts(with: "<![CDATA[") {
                try readCharacterData()
            } else if starts(with: "<!") {
                throw failure("a document type is not accepted")
            } else if starts(with: "</") {
                try readClosingTag()
            } else {
                try readOpeningTag()
            }
        }
        guard open.isEmpty else { throw failure("element \"\(open.last?.name ?? "")\" is not closed") }
        guard let root else { throw failure("there is no element") }
        return root
    }

    private func starts(with text: StaticString) -> Bool {
        let end = offset + text.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        return text.description.utf8.elementsEqual(bytes[offset..<end])
    }

    private mutating func skip(past end: StaticString) throws(AWSXMLError) {
        while offset < bytes.count {
            if starts(with: end) {
                offset += end.utf8CodeUnitCount
                return
            }
            offset += 1
        }
        throw failure("\"\(end)\" is missing")
    }

    private mutating func readText() throws(AWSXMLError) {
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "<") { offset += 1 }
        let end = offset
        guard let last = texts.indices.last else {
            guard bytes[start..<end].allSatisfy(isSpace) else {
                offset = start
                throw failure("text outside of the root element")
            }
            return
        }
        offset = start
        while offset < end {
            if bytes[offset] == UInt8(ascii: "&") {
                texts[last] += try readEntity(before: end)
            } else {
                texts[last].append(bytes[offset])
                offset += 1
            }
        }
    }

    private mutating func readEntity(before end: Int) throws(AWSXMLError) -> [UInt8] {
        let start = offset
        // The longest is &#x10FFFF;
        guard let semicolon = bytes[offset..<min(end, offset + 12)].firstIndex(of: UInt8(ascii: ";")) else {
            throw failure("an entity is not closed")
        }
        let name = String(decoding: bytes[(start + 1)..<semicolon], as: UTF8.self)
        let scalar: Unicode.Scalar? =
            switch name {
            case "lt": "<"
            case "gt": ">"
            case "amp": "&"
            case "quot": "\""
            case "apos": "'"
            case _ where name.hasPrefix("#x"): UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
            case _ where name.hasPrefix("#"): UInt32(name.dropFirst(1)).flatMap(Unicode.Scalar.init)
            default: nil
            }
        guard let scalar else { throw failure("there is no entity \"\(name)\"") }
        offset = semicolon + 1
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func readCharacterData() throws(AWSXMLError) {
        offset += 9
        let start = offset
        try skip(past: "]]>")
        guard let last = texts.indices.last else { throw failure("text outside of the root element") }
        texts[last] += bytes[start..<(offset - 3)]
    }

    private mutating func readName() throws(AWSXMLError) -> String {
        let start = offset
        while offset < bytes.count {
            let byte = bytes[offset]
            if isSpace(byte) || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "<") {
                break
            }
            offset += 1
        }
        let whole = bytes[start..<offset]
        let local = whole.firstIndex(of: UInt8(ascii: ":")).map { whole[($0 + 1)...] } ?? whole
        guard !local.isEmpty else { throw failure("a name is missing") }
        return String(decoding: local, as: UTF8.self)
    }

    private mutating func readOpeningTag() throws(AWSXMLError) {
        offset += 1
        let name = try readName()
        guard root == nil else { throw failure("there is a second root element \"\(name)\"") }
        elements += 1
        guard elements <= Self.maximumElements else {
            throw failure("there are more than \(Self.maximumElements) elements")
        }
        guard open.count < Self.maximumDepth else {
            throw failure("elements are nested more than \(Self.maximumDepth) deep")
        }
        // Attributes: only their quotes matter, since a bracket may stand inside.
        var quote: UInt8?
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            if let closing = quote {
                if byte == closing { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "<") {
                throw failure("the tag of \"\(name)\" is not closed")
            } else if byte == UInt8(ascii: ">") {
                open.append(AWSXML(name: name))
                texts.append([])
                if bytes[offset - 2] == UInt8(ascii: "/") { close() }
                return
            }
        }
        throw failure("the tag of \"\(name)\" is not closed")
    }

    private mutating func readClosingTag() throws(AWSXMLError) {
        offset += 2
        let name = try readName()
        while offset < bytes.count, isSpace(bytes[offset]) { offset += 1 }
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: ">") else { throw failure("\">\" is missing") }
        guard open.last?.name == name else { throw failure("\"\(name)\" is closed but not open") }
        offset += 1
        close()
    }

    private mutating func close() {
        guard var element = open.popLast(), let text = texts.popLast() else { return }
        var trimmed = text[...]
        while let first = trimmed.first, isSpace(first) { trimmed.removeFirst() }
        while let last = trimmed.last, isSpace(last) { trimmed.removeLast() }
        element.text = String(decoding: trimmed, as: UTF8.self)
        if open.isEmpty {
            root = element
        } else {
            open[open.count - 1].children.append(element)
        }
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }
}
