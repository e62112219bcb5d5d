/// Text from outside: broken UTF-8 is replaced by U+FFFD, never refused and never stored.
package enum UTF8Text {
    package static func isASCII(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        var seen: UInt8 = 0
        for byte in bytes[range] { seen |= byte }
        return seen < 0x80
    }

    package static func isValid(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        isASCII(bytes, range) || String(validating: bytes[range], as: UTF8.self) != nil
    }

    package static func append(_ bytes: [UInt8], _ range: Range<Int>, to out: inout [UInt8]) {
        if isValid(bytes, range) {
            out.append(contentsOf: bytes[range])
        } else {
            out.append(contentsOf: String(decoding: bytes[range], as: UTF8.self).utf8)
        }
    }

    package static func string(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    static func equals(_ bytes: [UInt8], _ range: Range<Int>, _ text: StaticString) -> Bool {
        range.count == text.utf8CodeUnitCount
            && text.withUTF8Buffer { wanted in unsafe bytes[range].elementsEqual(wanted) }
    }
}
