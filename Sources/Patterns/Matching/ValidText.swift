/// Text in which every byte that is not UTF-8 has become U+FFFD, as Go's matcher sees it, with the way back.
struct ValidText {
    var bytes: [UInt8]
    /// For each byte of `bytes`, and one past the last, its place in the original.
    var origins: [Int]

    static func isASCII(_ text: Span<UInt8>) -> Bool {
        unsafe text.withUnsafeBytes { text in
            var position = 0
            var seen = SIMD16<UInt8>()
            while position + 16 <= text.count {
                unsafe seen |= text.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self)
                position += 16
            }
            var tail: UInt8 = 0
            while position < text.count {
                unsafe tail |= text[position]
                position += 1
            }
            return (seen.max() | tail) < 0x80
        }
    }

    /// Length of the valid scalar at `position`; 0 where there is none.
    static func scalarLength(_ text: Span<UInt8>, _ position: Int) -> Int {
        let lead = text[position]
        if lead < 0x80 { return 1 }
        func tail(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
            position + offset < text.count && range.contains(text[position + offset])
        }
        switch lead {
        case 0xc2...0xdf: return tail(1) ? 2 : 0
        case 0xe0: return tail(1, 0xa0...0xbf) && tail(2) ? 3 : 0
        case 0xed: return tail(1, 0x80...0x9f) && tail(2) ? 3 : 0
        case 0xe1...0xef: return tail(1) && tail(2) ? 3 : 0
        case 0xf0: return tail(1, 0x90...0xbf) && tail(2) && tail(3) ? 4 : 0
        case 0xf1...0xf3: return tail(1) && tail(2) && tail(3) ? 4 : 0
        case 0xf4: return tail(1, 0x80...0x8f) && tail(2) && tail(3) ? 4 : 0
        default: return 0
        }
    }

    static func isValid(_ text: Span<UInt8>) -> Bool {
        if isASCII(text) { return true }
        var position = 0
        while position < text.count {
            let length = scalarLength(text, position)
            if length == 0 { return false }
            position += length
        }
        return true
    }

    init(repairing text: Span<UInt8>) {
        bytes = []
        origins = []
        bytes.reserveCapacity(text.count + 16)
        origins.reserveCapacity(text.count + 16)
        var position = 0
        while position < text.count {
            let length = ValidText.scalarLength(text, position)
            if length == 0 {
                bytes.append(contentsOf: [0xef, 0xbf, 0xbd])
                origins.append(contentsOf: [position, position, position])
                position += 1
            } else {
                for offset in 0..<length {
                    bytes.append(text[position + offset])
                    origins.append(position + offset)
                }
                position += length
            }
        }
        origins.append(text.count)
    }
}
