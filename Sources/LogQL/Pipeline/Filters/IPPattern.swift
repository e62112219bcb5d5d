/// `ip("…")`: one address, a CIDR block or a range of addresses, of either family.
struct IPPattern: Sendable, Hashable {
    private let isV4: Bool
    private let low: [UInt8]
    private let high: [UInt8]

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        if let slash = bytes.firstIndex(of: UInt8(ascii: "/")) {
            guard let address = IPPattern.address(bytes[..<slash]),
                let prefix = Int(String(decoding: bytes[(slash + 1)...], as: UTF8.self)), prefix >= 0,
                prefix <= address.count * 8
            else { return nil }
            var low = address
            var high = address
            for i in address.indices {
                let kept = min(8, max(0, prefix - i * 8))
                let mask = kept == 0 ? UInt8(0) : UInt8(truncatingIfNeeded: 0xff << (8 - kept))
                low[i] &= mask
                high[i] |= ~mask
            }
            self.init(low, high)
        } else if let dash = bytes.firstIndex(of: UInt8(ascii: "-")) {
            let first = bytes[..<dash].filter { $0 != 32 }
            let second = bytes[(dash + 1)...].filter { $0 != 32 }
            guard let low = IPPattern.address(first[...]), let high = IPPattern.address(second[...]),
                low.count == high.count,
                !high.lexicographicallyPrecedes(low)
            else { return nil }
            self.init(low, high)
        } else {
            guard let address = IPPattern.address(bytes[...]) else { return nil }
            self.init(address, address)
        }
    }

    private init(_ low: [UInt8], _ high: [UInt8]) {
        isV4 = low.count == 4
        self.low = low
        self.high = high
    }

    func matches(_ text: ArraySlice<UInt8>) -> Bool {
        guard let address = IPPattern.address(text), (address.count == 4) == isV4 else { return false }
        return !address.lexicographicallyPrecedes(low) && !high.lexicographicallyPrecedes(address)
    }

    /// Whether an address inside the line fits: the longest runs of the characters of addresses are tried.
    func isFound(in line: ArraySlice<UInt8>) -> Bool {
        var i = line.startIndex
        while i < line.endIndex {
            guard isPart(line[i]) else {
                i += 1
                continue
            }
            let start = i
            while i < line.endIndex, isPart(line[i]) { i += 1 }
            var run = line[start..<i]
            // A sentence's end or a port is no part of the address.
            while let last = run.last, last == UInt8(ascii: ".") || last == UInt8(ascii: ":"),
                !run.suffix(2).elementsEqual("::".utf8)
            {
                run.removeLast()
            }
            if run.count >= 3, matches(run) { return true }
        }
        return false
    }

    private func isPart(_ byte: UInt8) -> Bool {
        if byte >= 48 && byte <= 57 || byte == UInt8(ascii: ".") { return true }
        return !isV4 && (byte == UInt8(ascii: ":") || (byte | 32 >= 97 && byte | 32 <= 102))
    }

    /// 4 or 16 bytes.
    static func address(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        text.contains(UInt8(ascii: ":")) ? v6(text) : v4(text)
    }

    private static func v4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.count <= 3, part.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                part.count == 1 || part.first != 48
            else { return nil }
            guard out.count < 4, let value = UInt8(String(decoding: part, as: UTF8.self)) else { return nil }
            out.append(value)
        }
        return out.count == 4 ? out : nil
    }

    private static func v6(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count <= 45 else { return nil }
        var head: [UInt8] = []
        var tail: [UInt8]?
        var rest = text
        if rest.starts(with: "::".utf8) {
            tail = []
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let part = rest.prefix { $0 != UInt8(ascii: ":") }
            rest = rest.dropFirst(part.count)
            var group: [UInt8]
            if part.contains(UInt8(ascii: ".")) {
                guard rest.isEmpty, let four = v4(part) else { return nil }
                group = four
            } else {
                guard !part.isEmpty, part.count <= 4, part.first != UInt8(ascii: "+"), part.first != UInt8(ascii: "-"),
                    let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
                else { return nil }
                group = [UInt8(value >> 8), UInt8(value & 255)]
            }
            if tail == nil { head += group } else { tail?.append(contentsOf: group) }
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: ":") {
                guard tail == nil else { return nil }
                tail = []
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        guard let tail else { return head.count == 16 ? head : nil }
        guard head.count + tail.count < 16 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }
}
