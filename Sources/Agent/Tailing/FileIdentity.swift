import Codecs

/// Which file it is, whatever its name: numbers of the device and of the inode.
package struct FileIdentity: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// A hash of some bytes of a file, to tell a file from another one that was given the same inode.
package struct Fingerprint: Hashable, Sendable {
    /// Bytes from the file's beginning that are looked at.
    package static let longestHead = 1024
    /// Bytes before the place that was read up to, which tell a copy from another file with the same beginning.
    package static let longestTrail = 256

    package var length: Int
    package var hash: UInt64

    package static let empty = Fingerprint([])

    package init(_ bytes: [UInt8]) {
        length = bytes.count
        hash = Hash64.hash(bytes)
    }

    package init(length: Int, hash: UInt64) {
        self.length = length
        self.hash = hash
    }

    /// Whether `bytes` begin with what this was made of. The empty one says nothing and matches everything.
    package func matches(_ bytes: [UInt8]) -> Bool {
        length == 0 || (bytes.count >= length && Hash64.hash(bytes[..<length]) == hash)
    }
}

/// How far a file was read.
package struct FilePosition: Hashable, Sendable {
    package var identity: FileIdentity
    /// The name under which it was found, which its entries carry; a rotated file keeps it.
    package var path: String
    /// The next byte to read: the start of the first line that is in no batch.
    package var offset: Int
    /// Of the file's beginning, as far as it was read.
    package var head: Fingerprint
    /// Of the bytes just before `trailEnd`.
    package var trail: Fingerprint
    /// Where reading had come to, the line that had not ended included.
    package var trailEnd: Int
    /// Later ones of the same path have larger numbers.
    package var generation: Int
    /// Milliseconds since 1970 when it was last seen.
    package var seen: Int64

    package init(
        identity: FileIdentity, path: String, offset: Int = 0, head: Fingerprint = .empty, trail: Fingerprint = .empty,
        trailEnd: Int = 0, generation: Int = 0, seen: Int64 = 0
    ) {
        self.identity = identity
        self.path = path
        self.offset = offset
        self.head = head
        self.trail = trail
        self.trailEnd = trailEnd
        self.generation = generation
        self.seen = seen
    }
}
