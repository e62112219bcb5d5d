/// Text from outside: broken UTF-8 is replaced by U+FFFD, never refused and never stored.
package enum UTF8Text {
    package static func isASCII(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        // Index by index: a slice would count references for each piece of text.
        var seen: UInt8 = 0
        for index in range { seen |= bytes[index] }
        return seen < 0x80
    }

    package static func isValid(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        isASCII(bytes, range) || String(validating: bytes[range], as: UTF8.self) != nil
    }

    package static func append(_ bytes: [UInt8], _ range: Range<Int>, to out: inout [UInt8]) {
        if isValid(bytes, range) {
            copy(bytes, range, to: &out)
        } else {
            out.append(contentsOf: String(decoding: bytes[range], as: UTF8.self).utf8)
        }
    }

    /// The bytes as they are.
    static func copy(_ bytes: [UInt8], _ range: Range<Int>, to out: inout [UInt8]) {
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe out.append(contentsOf: UnsafeBufferPointer(rebasing: source[range]))
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
