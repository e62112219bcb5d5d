import Codecs

/// Values as text, of many columns one after the other: three flat arrays instead of three for each column.
struct TextPool {
    var bytes: [UInt8] = []
    /// Places in `bytes`; value i of a column is between its bounds i and i + 1.
    var bounds: [UInt32] = []
    var codes: [UInt32] = []

    /// A column in the pool.
    struct Values {
        /// Number of values.
        var count: Int
        var firstBound: Int
        /// nil: value i is entry i.
        var firstCode: Int?
        /// All values are entry 0.
        var isConstant: Bool
        /// Bytes of all values.
        var size: Int
    }

    /// Stands for a column that is not looked at.
    var none: Values { Values(count: 0, firstBound: -1, firstCode: nil, isConstant: true, size: 0) }

    @inline(__always)
    func range(_ values: Values, entry: Int) -> Range<Int> {
        Int(bounds[values.firstBound &+ entry])..<Int(bounds[values.firstBound &+ entry &+ 1])
    }

    private static let pairs: [UInt8] = {
        var out: [UInt8] = []
        for number: UInt8 in 0..<100 {
            out.append(0x30 + number / 10)
            out.append(0x30 + number % 10)
        }
        return out
    }()

    /// Appends numbers in decimal, of `width` digits with leading zeros or as short as can be.
    mutating func append(_ numbers: [Int64], width: Int) {
        let room = max(20, width)
        bytes.reserveCapacity(bytes.count + numbers.count * 8)
        bounds.reserveCapacity(bounds.count + numbers.count + 1)
        bounds.append(UInt32(truncatingIfNeeded: bytes.count))
        let pairs = TextPool.pairs
        var digits = [UInt8](repeating: 0x30, count: room)
        for number in numbers {
            var rest = number.magnitude
            var at = room
            while rest >= 100 {
                let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 100)
                at &-= 2
                let pair = Int(remainder) &* 2
                digits[at] = pairs[pair]
                digits[at &+ 1] = pairs[pair &+ 1]
                rest = quotient
            }
            if rest >= 10 {
                at &-= 2
                let pair = Int(rest) &* 2
                digits[at] = pairs[pair]
                digits[at &+ 1] = pairs[pair &+ 1]
            } else {
                at &-= 1
                digits[at] = 0x30 &+ UInt8(truncatingIfNeeded: rest)
            }
            while room &- at < width {
                at &-= 1
                digits[at] = 0x30
            }
            if number < 0, at > 0 {
                at &-= 1
                digits[at] = 0x2d
            }
            bytes.append(contentsOf: digits[at...])
            bounds.append(UInt32(truncatingIfNeeded: bytes.count))
        }
    }

    private static let lowerDigits: [UInt8] = Array("0123456789abcdef".utf8)
    private static let upperDigits: [UInt8] = Array("0123456789ABCDEF".utf8)

    mutating func append(hexadecimal packed: [UInt8], digits: Int, isUpperCase: Bool, count: Int) {
        let alphabet = isUpperCase ? TextPool.upperDigits : TextPool.lowerDigits
        bounds.append(UInt32(truncatingIfNeeded: bytes.count))
        bytes.reserveCapacity(bytes.count + digits * count)
        var at = 0
        for _ in 0..<count {
            var left = digits
            while left > 0 {
                let byte = packed[at]
                at &+= 1
                bytes.append(alphabet[Int(byte >> 4)])
                if left > 1 { bytes.append(alphabet[Int(byte & 15)]) }
                left &-= 2
            }
            bounds.append(UInt32(truncatingIfNeeded: bytes.count))
        }
    }
}
