import Foundation

/// An IPv4 or IPv6 address; the v4-mapped form of IPv6 is the IPv4 address.
package struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes, first byte first.
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    package init?(_ text: String) {
        var out = [UInt8](repeating: 0, count: 16)
        // Zones (fe80::1%eth0) name an interface, not another address.
        let bare =
            text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? text
        if inet_pton(AF_INET, bare, &out) == 1 {
            self.init(bytes: Array(out[..<4]))
        } else if inet_pton(AF_INET6, bare, &out) == 1 {
            self.init(bytes: out)
        } else {
            return nil
        }
    }

    package var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.count == 16 && bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    }
}

struct IPNetwork {
    let address: IPAddress
    let length: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
            (0...address.bytes.count * 8).contains(length)
        else { return nil }
        self.address = address
        self.length = length
    }

    func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        for bit in 0..<length {
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            if address.bytes[bit / 8] & mask != other.bytes[bit / 8] & mask { return false }
        }
        return true
    }
}
